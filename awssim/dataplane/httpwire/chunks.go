package httpwire

// chunkScanner follows a chunked body (RFC 9112 §7.1) through pieces of any size to its end, trailers included. A body
// that is not well-formed has no end: the HTTP server finds that by itself and closes the connection.
type chunkScanner struct {
	state chunkState
	left  int64 // of the chunk's data and its line end, or the size read so far
	line  int   // bytes of the trailer line so far
}

type chunkState uint8

const (
	inSize chunkState = iota
	inExtension
	inData
	inTrailer
	lost
)

// maxChunk keeps sizes from overflowing.
const maxChunk = 1 << 56

// scan returns how many of the bytes belong to the body, and whether the last of them ends it.
func (s *chunkScanner) scan(b []byte) (n int, ended bool) {
	for n < len(b) {
		c := b[n]
		if s.state != inData {
			n++
		}
		switch s.state {
		case inData:
			step := min(s.left, int64(len(b)-n))
			n += int(step)
			if s.left -= step; s.left == 0 {
				s.state = inSize
			}
		case inSize:
			s.size(c)
		case inExtension:
			if c == '\n' {
				s.lineEnded()
			}
		case inTrailer:
			switch {
			case c == '\n' && s.line == 0:
				return n, true
			case c == '\n':
				s.line = 0
			case c != '\r':
				s.line++
			}
		case lost:
			return len(b), false
		}
	}
	return n, false
}

func (s *chunkScanner) size(c byte) {
	digit := int64(-1)
	switch {
	case '0' <= c && c <= '9':
		digit = int64(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		digit = int64(c|0x20-'a') + 10
	}
	switch {
	case digit >= 0 && s.left < maxChunk:
		s.left = s.left<<4 | digit
	case c == ';', c == ' ', c == '\t', c == '\r':
		s.state = inExtension
	case c == '\n':
		s.lineEnded()
	default:
		s.state = lost
	}
}

// lineEnded is after the line with a chunk's size.
func (s *chunkScanner) lineEnded() {
	if s.left == 0 {
		s.state = inTrailer
		return
	}
	s.state = inData
	s.left += 2 // the line end after the data
}
