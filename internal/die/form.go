package die

// A Form says how an attribute's value is encoded (DWARF 5, 7.5.6).
type Form uint16

// The forms of DWARF 2 to 5, GNU's and LLVM's included.
const (
	FormAddr          Form = 0x01
	FormBlock2        Form = 0x03
	FormBlock4        Form = 0x04
	FormData2         Form = 0x05
	FormData4         Form = 0x06
	FormData8         Form = 0x07
	FormString        Form = 0x08
	FormBlock         Form = 0x09
	FormBlock1        Form = 0x0a
	FormData1         Form = 0x0b
	FormFlag          Form = 0x0c
	FormSdata         Form = 0x0d
	FormStrp          Form = 0x0e
	FormUdata         Form = 0x0f
	FormRefAddr       Form = 0x10
	FormRef1          Form = 0x11
	FormRef2          Form = 0x12
	FormRef4          Form = 0x13
	FormRef8          Form = 0x14
	FormRefUdata      Form = 0x15
	FormIndirect      Form = 0x16
	FormSecOffset     Form = 0x17
	FormExprloc       Form = 0x18
	FormFlagPresent   Form = 0x19
	FormStrx          Form = 0x1a
	FormAddrx         Form = 0x1b
	FormRefSup4       Form = 0x1c
	FormStrpSup       Form = 0x1d
	FormData16        Form = 0x1e
	FormLineStrp      Form = 0x1f
	FormRefSig8       Form = 0x20
	FormImplicitConst Form = 0x21
	FormLoclistx      Form = 0x22
	FormRnglistx      Form = 0x23
	FormRefSup8       Form = 0x24
	FormStrx1         Form = 0x25
	FormStrx2         Form = 0x26
	FormStrx3         Form = 0x27
	FormStrx4         Form = 0x28
	FormAddrx1        Form = 0x29
	FormAddrx2        Form = 0x2a
	FormAddrx3        Form = 0x2b
	FormAddrx4        Form = 0x2c

	FormGNUAddrIndex    Form = 0x1f01
	FormGNUStrIndex     Form = 0x1f02
	FormGNURefAlt       Form = 0x1f20
	FormGNUStrpAlt      Form = 0x1f21
	FormLLVMAddrxOffset Form = 0x2001 // an index and a 4-byte offset
)

// encoding is how long a form is and where its number is.
type encoding uint8

const (
	encBad      encoding = iota
	encFixed             // n bytes
	encULEB              // one number
	encSLEB              // one signed number
	encCString           // bytes and a NUL
	encBlock1            // a length of 1, 2 or 4 bytes, or a LEB, and that many bytes
	encBlock2            //
	encBlock4            //
	encBlock             //
	encIndirect          // a form, then a value in it
	encAddrx             // an index and 4 bytes
)

// format is what the size of a form depends on besides itself.
type format struct {
	version  uint8
	addrSize uint8
	offSize  uint8 // 4 or 8
}

// size is a form's encoding, and its length if that is fixed.
func (f format) size(form Form) (encoding, int) {
	switch form {
	case FormFlagPresent, FormImplicitConst:
		return encFixed, 0
	case FormData1, FormFlag, FormRef1, FormStrx1, FormAddrx1:
		return encFixed, 1
	case FormData2, FormRef2, FormStrx2, FormAddrx2:
		return encFixed, 2
	case FormStrx3, FormAddrx3:
		return encFixed, 3
	case FormData4, FormRef4, FormStrx4, FormAddrx4, FormRefSup4:
		return encFixed, 4
	case FormData8, FormRef8, FormRefSig8, FormRefSup8:
		return encFixed, 8
	case FormData16:
		return encFixed, 16
	case FormAddr:
		return encFixed, int(f.addrSize)
	case FormRefAddr:
		// DWARF 2 made it as wide as an address.
		if f.version <= 2 {
			return encFixed, int(f.addrSize)
		}
		return encFixed, int(f.offSize)
	case FormStrp, FormSecOffset, FormLineStrp, FormStrpSup, FormGNURefAlt, FormGNUStrpAlt:
		return encFixed, int(f.offSize)
	case FormUdata, FormRefUdata, FormStrx, FormAddrx, FormLoclistx, FormRnglistx, FormGNUAddrIndex, FormGNUStrIndex:
		return encULEB, 0
	case FormSdata:
		return encSLEB, 0
	case FormString:
		return encCString, 0
	case FormBlock1:
		return encBlock1, 0
	case FormBlock2:
		return encBlock2, 0
	case FormBlock4:
		return encBlock4, 0
	case FormBlock, FormExprloc:
		return encBlock, 0
	case FormIndirect:
		return encIndirect, 0
	case FormLLVMAddrxOffset:
		return encAddrx, 0
	}
	return encBad, 0
}
