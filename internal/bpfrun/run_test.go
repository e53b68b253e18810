package bpfrun_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"

	"github.com/probels/probels/internal/bpfrun"
)

func TestRun(t *testing.T) {
	ctx := []byte{1, 2, 3, 4, 5, 6, 7, 8, 0xf9, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	end := asm.Return()
	for what, tt := range map[string]struct {
		ins  asm.Instructions
		want uint64
		big  bool
		fail string
	}{
		"load":         {ins: asm.Instructions{asm.LoadMem(asm.R0, asm.R1, 0, asm.DWord), end}, want: 0x0807060504030201},
		"load, big":    {ins: asm.Instructions{asm.LoadMem(asm.R0, asm.R1, 0, asm.DWord), end}, want: 0x0102030405060708, big: true},
		"load a half":  {ins: asm.Instructions{asm.LoadMem(asm.R0, asm.R1, 2, asm.Half), end}, want: 0x0403},
		"shift":        {ins: asm.Instructions{asm.LoadMem(asm.R0, asm.R1, 8, asm.DWord), asm.ArSh.Imm(asm.R0, 1), end}, want: 1<<64 - 4},
		"32 bits":      {ins: asm.Instructions{asm.LoadMem(asm.R0, asm.R1, 8, asm.DWord), asm.Add.Imm32(asm.R0, -1), end}, want: 0xfffffff8},
		"wide number":  {ins: asm.Instructions{asm.LoadImm(asm.R0, -5, asm.DWord), end}, want: 1<<64 - 5},
		"small number": {ins: asm.Instructions{asm.Mov.Imm(asm.R0, -5), end}, want: 1<<64 - 5},
		"jump": {ins: asm.Instructions{
			asm.Mov.Imm(asm.R0, 3), asm.JEq.Imm(asm.R0, 3, "x"), asm.Mov.Imm(asm.R0, 4), asm.Add.Imm(asm.R0, 10).WithSymbol("x"), end,
		}, want: 13},
		"stack": {ins: asm.Instructions{
			asm.StoreImm(asm.RFP, -8, -2, asm.Word), asm.LoadMem(asm.R0, asm.RFP, -8, asm.Word), end,
		}, want: 0xfffffffe},
		"call": {ins: asm.Instructions{
			asm.Mov.Imm(asm.R1, 20), asm.Mov.Imm(asm.R6, 1), asm.Call.Label("f"), asm.Add.Reg(asm.R0, asm.R6), end,
			asm.Mov.Reg(asm.R0, asm.R1).WithSymbol("f"), asm.Mov.Imm(asm.R6, 100), end,
		}, want: 21},
		"unset register":         {ins: asm.Instructions{asm.Mov.Reg(asm.R0, asm.R5), end}, fail: "not set"},
		"unset result":           {ins: asm.Instructions{end}, fail: "not set"},
		"unset stack":            {ins: asm.Instructions{asm.LoadMem(asm.R0, asm.RFP, -8, asm.DWord), end}, fail: "not written"},
		"below the stack":        {ins: asm.Instructions{asm.StoreImm(asm.RFP, -520, 0, asm.Word), end}, fail: "no memory"},
		"above the stack":        {ins: asm.Instructions{asm.StoreImm(asm.RFP, 0, 0, asm.Byte), end}, fail: "no memory"},
		"behind the context":     {ins: asm.Instructions{asm.LoadMem(asm.R0, asm.R1, 16, asm.DWord), end}, fail: "no memory"},
		"not aligned":            {ins: asm.Instructions{asm.LoadMem(asm.R0, asm.R1, 1, asm.Half), end}, fail: "aligned"},
		"write to the context":   {ins: asm.Instructions{asm.StoreImm(asm.R1, 0, 0, asm.Word), end}, fail: "written to"},
		"a call leaves nothing":  {ins: asm.Instructions{asm.FnGetAttachCookie.Call(), asm.Mov.Reg(asm.R0, asm.R1), end}, fail: "not set"},
		"unknown helper":         {ins: asm.Instructions{asm.FnKtimeGetNs.Call(), end}, fail: "not known"},
		"shift by 64":            {ins: asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.LSh.Imm(asm.R0, 64), end}, fail: "too much"},
		"no end":                 {ins: asm.Instructions{asm.Mov.Imm(asm.R0, 1)}, fail: "ran off"},
		"for ever":               {ins: asm.Instructions{asm.Mov.Imm(asm.R0, 1).WithSymbol("x"), asm.Ja.Label("x")}, fail: "does not end"},
		"two labels":             {ins: asm.Instructions{asm.Mov.Imm(asm.R0, 1).WithSymbol("x"), end.WithSymbol("x")}, fail: "two labels"},
		"moved frame pointer":    {ins: asm.Instructions{asm.Add.Imm(asm.RFP, 8), end}, fail: "frame pointer"},
		"calls within calls":     {ins: asm.Instructions{asm.Call.Label("f").WithSymbol("f"), end}, fail: "too many"},
		"an unknown instruction": {ins: asm.Instructions{asm.Mov.Imm(asm.R0, 8), asm.Div.Imm(asm.R0, 2), end}, fail: "not known"},
	} {
		m := bpfrun.Machine{Order: binary.LittleEndian, Context: ctx}
		if tt.big {
			m.Order = binary.BigEndian
		}
		got, _, err := m.Run(tt.ins)
		if tt.fail != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fail) {
				t.Errorf("%s: %v, want an error with %q", what, err, tt.fail)
			}
		} else if err != nil || got != tt.want {
			t.Errorf("%s: 0x%x, %v; want 0x%x", what, got, err, tt.want)
		}
	}
}
