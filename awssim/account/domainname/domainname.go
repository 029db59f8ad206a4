// Package domainname is domain names in the form in which Route 53 writes, orders and refuses them. It has no zones and
// no records, and imports only the standard library.
package domainname

import (
	"fmt"
	"strings"
)

// Bounds of domain names (RFC 1035, section 2.3.4), in bytes without escapes.
const (
	maxNameBytes  = 255
	maxLabelBytes = 63
)

// Problem is why a text is no domain name, as Route 53 phrases it.
type Problem struct{ Code, Text, Name string }

func (p *Problem) Error() string {
	return fmt.Sprintf("FATAL problem: %s (%s) encountered with '%s'", p.Code, p.Text, p.Name)
}

// Canonical is a domain name as Route 53 answers it: in lower case, with a dot at the end, and with an octal escape for
// everything but letters, digits, "-", "_" and dots, so that "*.Example.com" is `\052.example.com.`. Escapes in name
// are octal, too. Errors are *Problem.
func Canonical(name string) (string, error) {
	problem := func(code, text string) error { return &Problem{code, text, name} }
	labels, err := splitName(name)
	if err != nil {
		return "", problem("InvalidEscape", err.Error())
	}
	var b strings.Builder
	total := 0
	for _, label := range labels {
		switch {
		case len(label) == 0:
			return "", problem("DomainLabelEmpty", "Domain label is empty")
		case len(label) > maxLabelBytes:
			return "", problem("DomainLabelTooLong", "Domain label is too long")
		}
		total += len(label) + 1
		for _, c := range label {
			b.WriteString(escaped(c))
		}
		b.WriteByte('.')
	}
	if total > maxNameBytes {
		return "", problem("DomainNameTooLong", "Domain name is too long")
	}
	if len(labels) == 0 {
		return ".", nil
	}
	return b.String(), nil
}

func escaped(c byte) string {
	switch {
	case 'A' <= c && c <= 'Z':
		return string(rune(c - 'A' + 'a'))
	case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		return string(rune(c))
	}
	return fmt.Sprintf(`\%03o`, c)
}

// splitName takes a name with octal escapes apart; a dot at the end is no label.
func splitName(name string) ([][]byte, error) {
	if name == "" || name == "." {
		return nil, nil
	}
	labels := [][]byte{nil}
	last := func() *[]byte { return &labels[len(labels)-1] }
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '.' && i == len(name)-1:
		case c == '.':
			labels = append(labels, nil)
		case c == '\\':
			if i+3 >= len(name) {
				return nil, fmt.Errorf("an escape needs three octal digits")
			}
			n := 0
			for _, d := range name[i+1 : i+4] {
				if d < '0' || d > '7' {
					return nil, fmt.Errorf("an escape needs three octal digits")
				}
				n = n*8 + int(d-'0')
			}
			if n > 255 {
				return nil, fmt.Errorf("an escape is at most 377")
			}
			*last() = append(*last(), byte(n))
			i += 3
		default:
			*last() = append(*last(), c)
		}
	}
	return labels, nil
}

// Within reports whether a canonical name is the domain or below it.
func Within(name, domain string) bool {
	return domain == "." || name == domain || strings.HasSuffix(name, "."+domain)
}

// Key orders canonical names as Route 53 lists them: by their labels from the last to the first. Names below a domain
// have the domain's key and "\x00" as a prefix.
func Key(name string) string {
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	for i, j := 0, len(labels)-1; i < j; i, j = i+1, j-1 {
		labels[i], labels[j] = labels[j], labels[i]
	}
	return strings.Join(labels, "\x00")
}

// Parent is the name above a canonical name; the root is above itself.
func Parent(name string) string {
	if _, above, _ := strings.Cut(name, "."); above != "" {
		return above
	}
	return "."
}
