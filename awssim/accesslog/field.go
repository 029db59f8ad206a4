package accesslog

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// builder writes fields separated by spaces.
type builder struct{ strings.Builder }

func (b *builder) next() {
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
}

// plain writes a text without quotes, "-" for an empty one.
func (b *builder) plain(s string) {
	b.next()
	if s == "" {
		s = "-"
	}
	b.WriteString(s)
}

// quoted writes a text in quotes. Quotes, backslashes and what is not visible ASCII are written as \xHH.
func (b *builder) quoted(s string) {
	const hex = "0123456789ABCDEF"
	b.next()
	if s == "" {
		s = "-"
	}
	b.WriteByte('"')
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			b.WriteString(`\x`)
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
}

func (b *builder) time(t time.Time) { b.plain(t.UTC().Format("2006-01-02T15:04:05.000000Z")) }

func (b *builder) number(n int64) { b.plain(strconv.FormatInt(n, 10)) }

// status writes a status code, "-" for 0.
func (b *builder) status(n int) {
	if n == 0 {
		b.plain("")
		return
	}
	b.number(int64(n))
}

// seconds writes a duration in seconds with milliseconds, "-1" for a negative one.
func (b *builder) seconds(d time.Duration) {
	if d < 0 {
		b.plain("-1")
		return
	}
	b.plain(strconv.FormatFloat(d.Seconds(), 'f', 3, 64))
}

func (b *builder) address(a netip.AddrPort) {
	if !a.IsValid() {
		b.plain("")
		return
	}
	b.plain(a.String())
}
