package operand

// Classes of bytes.
const (
	clBlank    = 1 << iota
	clBracket  // what the splitter counts: brackets and quotes
	clSymStart // begins a bare symbol
	clSymbol   // goes on with one
	clOperator // part of a binary operator
)

// charClass is filled by the compiler; bytes from 0x80 are UTF-8, which gas
// takes in symbols as they are.
var charClass = [256]uint8{
	' ': clBlank, '\t': clBlank, '\n': clBlank, '\v': clBlank, '\f': clBlank, '\r': clBlank,
	'(': clBracket, ')': clBracket, '[': clBracket, ']': clBracket, '"': clBracket,
	'+': clOperator, '-': clOperator, '*': clOperator, '/': clOperator, '%': clOperator, '&': clOperator,
	'|': clOperator, '^': clOperator, '<': clOperator, '>': clOperator, '=': clOperator, '!': clOperator, '~': clOperator,
	'$': clSymbol, '.': clSymbol | clSymStart, '_': clSymbol | clSymStart,
	'0': clSymbol, '1': clSymbol, '2': clSymbol, '3': clSymbol, '4': clSymbol, '5': clSymbol, '6': clSymbol, '7': clSymbol, '8': clSymbol, '9': clSymbol,
	'A': clName, 'B': clName, 'C': clName, 'D': clName, 'E': clName, 'F': clName, 'G': clName, 'H': clName, 'I': clName, 'J': clName, 'K': clName, 'L': clName, 'M': clName,
	'N': clName, 'O': clName, 'P': clName, 'Q': clName, 'R': clName, 'S': clName, 'T': clName, 'U': clName, 'V': clName, 'W': clName, 'X': clName, 'Y': clName, 'Z': clName,
	'a': clName, 'b': clName, 'c': clName, 'd': clName, 'e': clName, 'f': clName, 'g': clName, 'h': clName, 'i': clName, 'j': clName, 'k': clName, 'l': clName, 'm': clName,
	'n': clName, 'o': clName, 'p': clName, 'q': clName, 'r': clName, 's': clName, 't': clName, 'u': clName, 'v': clName, 'w': clName, 'x': clName, 'y': clName, 'z': clName,
	0x80: clName, 0x81: clName, 0x82: clName, 0x83: clName, 0x84: clName, 0x85: clName, 0x86: clName, 0x87: clName, 0x88: clName, 0x89: clName, 0x8a: clName, 0x8b: clName, 0x8c: clName, 0x8d: clName, 0x8e: clName, 0x8f: clName,
	0x90: clName, 0x91: clName, 0x92: clName, 0x93: clName, 0x94: clName, 0x95: clName, 0x96: clName, 0x97: clName, 0x98: clName, 0x99: clName, 0x9a: clName, 0x9b: clName, 0x9c: clName, 0x9d: clName, 0x9e: clName, 0x9f: clName,
	0xa0: clName, 0xa1: clName, 0xa2: clName, 0xa3: clName, 0xa4: clName, 0xa5: clName, 0xa6: clName, 0xa7: clName, 0xa8: clName, 0xa9: clName, 0xaa: clName, 0xab: clName, 0xac: clName, 0xad: clName, 0xae: clName, 0xaf: clName,
	0xb0: clName, 0xb1: clName, 0xb2: clName, 0xb3: clName, 0xb4: clName, 0xb5: clName, 0xb6: clName, 0xb7: clName, 0xb8: clName, 0xb9: clName, 0xba: clName, 0xbb: clName, 0xbc: clName, 0xbd: clName, 0xbe: clName, 0xbf: clName,
	0xc0: clName, 0xc1: clName, 0xc2: clName, 0xc3: clName, 0xc4: clName, 0xc5: clName, 0xc6: clName, 0xc7: clName, 0xc8: clName, 0xc9: clName, 0xca: clName, 0xcb: clName, 0xcc: clName, 0xcd: clName, 0xce: clName, 0xcf: clName,
	0xd0: clName, 0xd1: clName, 0xd2: clName, 0xd3: clName, 0xd4: clName, 0xd5: clName, 0xd6: clName, 0xd7: clName, 0xd8: clName, 0xd9: clName, 0xda: clName, 0xdb: clName, 0xdc: clName, 0xdd: clName, 0xde: clName, 0xdf: clName,
	0xe0: clName, 0xe1: clName, 0xe2: clName, 0xe3: clName, 0xe4: clName, 0xe5: clName, 0xe6: clName, 0xe7: clName, 0xe8: clName, 0xe9: clName, 0xea: clName, 0xeb: clName, 0xec: clName, 0xed: clName, 0xee: clName, 0xef: clName,
	0xf0: clName, 0xf1: clName, 0xf2: clName, 0xf3: clName, 0xf4: clName, 0xf5: clName, 0xf6: clName, 0xf7: clName, 0xf8: clName, 0xf9: clName, 0xfa: clName, 0xfb: clName, 0xfc: clName, 0xfd: clName, 0xfe: clName, 0xff: clName,
}

const clName = clSymStart | clSymbol

func isBlank(ch byte) bool { return charClass[ch]&clBlank != 0 }

func isOp(ch byte) bool { return charClass[ch]&clOperator != 0 }
