package policy

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// operator is a condition operator without quantifier and IfExists. IAM User Guide, "IAM JSON policy elements:
// Condition operators".
type operator struct {
	name    string
	compare func(have, want string) bool
	negated bool
	wild    bool                // wanted values may hold wildcards
	valid   func(v string) bool // of wanted values; nil: any
	wants   string              // for errors: the value is not …
}

var operators = func() map[string]operator {
	all := map[string]operator{}
	add := func(name, not string, o operator) {
		o.name = name
		all[name] = o
		if not != "" {
			o.name, o.negated = not, true
			all[not] = o
		}
	}
	add("Null", "", operator{valid: boolean, wants: "true or false"})
	add("StringEquals", "StringNotEquals", operator{compare: func(h, w string) bool { return h == w }})
	add("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", operator{compare: strings.EqualFold})
	add("StringLike", "StringNotLike", operator{compare: func(h, w string) bool { return glob(w, h) }, wild: true})
	add("Bool", "", operator{compare: strings.EqualFold, valid: boolean, wants: "true or false"})
	add("BinaryEquals", "", operator{compare: func(h, w string) bool { return h == w }})
	add("ArnLike", "ArnNotLike", operator{compare: func(h, w string) bool { return arnMatches(w, h) }, wild: true})
	add("ArnEquals", "ArnNotEquals", operator{compare: func(h, w string) bool { return arnMatches(w, h) }, wild: true})
	add("IpAddress", "NotIpAddress", operator{compare: inNetwork, valid: network, wants: "an address or a CIDR block"})
	for name, holds := range map[string]func(order int) bool{
		"LessThan":          func(o int) bool { return o < 0 },
		"LessThanEquals":    func(o int) bool { return o <= 0 },
		"GreaterThan":       func(o int) bool { return o > 0 },
		"GreaterThanEquals": func(o int) bool { return o >= 0 },
		"Equals":            func(o int) bool { return o == 0 },
	} {
		not := map[string]string{"Equals": "NotEquals"}[name]
		number := operator{compare: ordered(number, holds), valid: parses(number), wants: "a number"}
		date := operator{compare: ordered(moment, holds), valid: parses(moment),
			wants: "a time such as 2026-01-02T15:04:05Z, or seconds since 1970"}
		if not == "" {
			add("Numeric"+name, "", number)
			add("Date"+name, "", date)
			continue
		}
		add("Numeric"+name, "Numeric"+not, number)
		add("Date"+name, "Date"+not, date)
	}
	return all
}()

func boolean(v string) bool { return strings.EqualFold(v, "true") || strings.EqualFold(v, "false") }

// ordered compares by what read makes of the values; what it cannot read compares with nothing.
func ordered(read func(string) (float64, bool), holds func(order int) bool) func(have, want string) bool {
	return func(have, want string) bool {
		h, ok1 := read(have)
		w, ok2 := read(want)
		if !ok1 || !ok2 {
			return false
		}
		switch {
		case h < w:
			return holds(-1)
		case h > w:
			return holds(1)
		}
		return holds(0)
	}
}

func parses(read func(string) (float64, bool)) func(string) bool {
	return func(v string) bool { _, ok := read(v); return ok }
}

func number(v string) (float64, bool) {
	f, err := strconv.ParseFloat(v, 64)
	return f, err == nil
}

// moment is the seconds since 1970 of a time in ISO 8601 or in seconds.
func moment(v string) (float64, bool) {
	if f, ok := number(v); ok {
		return f, true
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", time.DateOnly} {
		if t, err := time.Parse(form, v); err == nil {
			return float64(t.UnixMilli()) / 1000, true
		}
	}
	return 0, false
}

func block(v string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(v); err == nil {
		return p, true
	}
	a, err := netip.ParseAddr(v)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

func network(v string) bool { _, ok := block(v); return ok }

func inNetwork(have, want string) bool {
	a, err := netip.ParseAddr(have)
	p, ok := block(want)
	return err == nil && ok && p.Contains(a.Unmap())
}
