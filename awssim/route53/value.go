package route53

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account/domainname"
)

// onlyOne are the types whose record sets have one value.
var onlyOne = map[string]bool{"CNAME": true, "SOA": true}

// maxString is the longest character string in a TXT record, in bytes.
const maxString = 255

// forms are what the fields of values are, by type (Route 53 developer guide, "Supported DNS record types").
var forms = map[string][]field{
	"A":     {address4},
	"AAAA":  {address6},
	"CNAME": {domain},
	"NS":    {domain},
	"PTR":   {domain},
	"MX":    {number16, domain},
	"SRV":   {number16, number16, number16, domain},
	"CAA":   {number8, word, quoted},
	"SOA":   {domain, domain, number32, number32, number32, number32, number32},
	"DS":    {number16, number8, number8, hexadecimal},
	"SSHFP": {number8, number8, hexadecimal},
	"TLSA":  {number8, number8, number8, hexadecimal},
	"NAPTR": {number16, number16, quoted, quoted, quoted, domain},
}

// field checks one field of a value; its error is Route 53's code and words.
type field func(kind, text string) error

func problem(code, text string) error { return fmt.Errorf("%s (%s)", code, text) }

func address4(_, text string) error {
	if a, err := netip.ParseAddr(text); err != nil || !a.Is4() {
		return problem("ARRDATAIllegalIPv4Address", "Value is not a valid IPv4 address")
	}
	return nil
}

func address6(_, text string) error {
	if a, err := netip.ParseAddr(text); err != nil || !a.Is6() || a.Zone() != "" {
		return problem("AAAARRDATAIllegalIPv6Address", "Value is not a valid IPv6 address")
	}
	return nil
}

func domain(_, text string) error {
	_, err := domainname.Canonical(text)
	var p *domainname.Problem
	if errors.As(err, &p) {
		return problem(p.Code, p.Text)
	}
	return err
}

func unsigned(bits int) field {
	return func(kind, text string) error {
		if _, err := strconv.ParseUint(text, 10, bits); err != nil {
			return problem(kind+"RRDATAIllegalNumber", fmt.Sprintf("Value is not a number of %d bits", bits))
		}
		return nil
	}
}

var number8, number16, number32 = unsigned(8), unsigned(16), unsigned(32)

var (
	wordForm = regexp.MustCompile(`^[0-9A-Za-z]+$`)
	hexForm  = regexp.MustCompile(`^([0-9A-Fa-f]{2})+$`)
)

func word(kind, text string) error {
	if !wordForm.MatchString(text) {
		return problem(kind+"RRDATAIllegalTag", "Value is not a word of letters and digits")
	}
	return nil
}

func hexadecimal(kind, text string) error {
	if !hexForm.MatchString(text) {
		return problem(kind+"RRDATAIllegalHex", "Value is not hexadecimal")
	}
	return nil
}

func quoted(_, text string) error {
	switch inner, ok := unquote(text); {
	case !ok:
		return problem("InvalidCharacterString", "Value should be enclosed in quotation marks")
	case len(inner) > maxString:
		return problem("CharacterStringTooLong", "Value is too long")
	}
	return nil
}

// unquote takes the quotation marks off one character string.
func unquote(text string) (string, bool) {
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return "", false
	}
	inner := text[1 : len(text)-1]
	for i := 0; i < len(inner); i++ {
		switch inner[i] {
		case '\\':
			if i++; i == len(inner) {
				return "", false
			}
		case '"':
			return "", false
		}
	}
	return inner, true
}

// parseValue checks a value of a record of that type. The problem is phrased as by Route 53, "" if there is none.
func parseValue(kind, text string) (value, complaint string) {
	encountered := func(err error) string {
		if err == nil {
			return ""
		}
		return fmt.Sprintf("FATAL problem: %v encountered with '%s'", err, text)
	}
	switch form := forms[kind]; {
	case kind == "TXT" || kind == "SPF":
		pieces, ok := characterStrings(text)
		if !ok {
			return text, encountered(problem("InvalidCharacterString", "Value should be enclosed in quotation marks"))
		}
		for _, piece := range pieces {
			if err := quoted(kind, piece); err != nil {
				return text, encountered(err)
			}
		}
	case form != nil:
		fields := strings.Fields(text)
		if last := len(form); last > 0 && kind == "CAA" && len(fields) > last {
			fields = append(fields[:last-1:last-1], strings.Join(fields[last-1:], " "))
		}
		if len(fields) != len(form) {
			return text, encountered(problem(fmt.Sprintf("%sRRDATANot%dFields", kind, len(form)),
				fmt.Sprintf("%s record doesn't have %d fields", kind, len(form))))
		}
		for i, check := range form {
			if err := check(kind, fields[i]); err != nil {
				return text, encountered(err)
			}
		}
	case strings.TrimSpace(text) == "":
		return text, encountered(problem(kind+"RRDATAEmpty", "Value is empty"))
	}
	return text, ""
}

// characterStrings takes `"one" "two"` apart; each piece keeps its quotation marks.
func characterStrings(text string) ([]string, bool) {
	var pieces []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimLeft(text, " \t") {
		if text[0] != '"' {
			return nil, false
		}
		end := 1
		for end < len(text) && text[end] != '"' {
			if text[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(text) {
			return nil, false
		}
		pieces, text = append(pieces, text[:end+1]), text[end+1:]
	}
	return pieces, len(pieces) > 0
}
