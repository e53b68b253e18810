package operand

import (
	"math"
	"math/bits"
	"strconv"
)

// number reads digits as gas does: 0x hexadecimal, 0b binary, a leading 0
// octal, else decimal; or a decimal fraction, as gcc prints constants of
// floating type ("1.5e+0").
func (p *parser) number() value {
	s, i := p.s, p.pos
	start := i
	base := uint64(10)
	if s[i] == '0' && i+1 < len(s) {
		switch s[i+1] | 0x20 {
		case 'x':
			base, i = 16, i+2
		case 'b':
			base, i = 2, i+2
		default:
			base = 8
		}
	}
	var n uint64
	digits, big := i, false
	for ; i < len(s); i++ {
		d := uint64(s[i] - '0')
		if d > 9 {
			if base != 16 {
				break
			}
			d = uint64(s[i]|0x20) - 'a' + 10
			if d < 10 || d > 15 {
				break
			}
		}
		if d >= base {
			break
		}
		hi, lo := bits.Mul64(n, base)
		sum, carry := bits.Add64(lo, d, 0)
		big = big || hi != 0 || carry != 0
		n = sum
	}
	if i < len(s) && s[i] == '.' && base != 16 && base != 2 {
		return p.decimal(start)
	}
	p.pos = i
	switch {
	case i == digits || (i < len(s) && charClass[s[i]]&clSymbol != 0):
		p.fail("not a number")
	case big:
		p.pos = start
		p.fail("number beyond 64 bits")
	}
	return value{num: int64(n), unsigned: n > math.MaxInt64}
}

// decimal reads a fraction and gives its float64 bits; constant makes them the
// argument's.
func (p *parser) decimal(start int) value {
	i := start
	for i < len(p.s) {
		switch ch := p.s[i]; {
		case ch-'0' <= 9, ch == '.', ch == 'e', (ch == '+' || ch == '-') && p.s[i-1] == 'e':
			i++
			continue
		}
		break
	}
	f, err := strconv.ParseFloat(p.s[start:i], 64)
	if err != nil || (i < len(p.s) && charClass[p.s[i]]&clSymbol != 0) {
		p.fail("not a number")
	}
	p.pos = i
	return value{num: int64(math.Float64bits(f)), float: true}
}

// fraction sets the bit pattern of f. There is no room for the long double
// that gcc prints the same way.
func (p *parser) fraction(a *Arg, f float64) {
	switch {
	case !a.Float:
		p.fail("a fraction for an integer")
	case a.Size == 4:
		a.Value = int64(math.Float32bits(float32(f)))
	case a.Size == 8:
		bits := math.Float64bits(f)
		a.Value, a.Unsigned = int64(bits), bits > math.MaxInt64
	default:
		p.fail("a fraction of a size other than 4 and 8")
	}
}
