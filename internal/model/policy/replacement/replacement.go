// Package replacement holds the policy for load balancers that an edit would replace, because AWS cannot change their
// scheme or type: whether they may be replaced, and for how long the former one stays. It has the text by which flags
// and annotations declare the policy. Package plan/diff has the effect of the policy on a plan. The package is pure.
package replacement

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Policy says what the controller does with an edit that would replace a load balancer. The zero value admits it, and
// the former load balancer goes once no object shows it.
type Policy struct {
	// Refuse has the load balancer stay as it is; everything else of the edit is carried out.
	Refuse bool
	// Except are the names of load balancers that may be replaced although Refuse is set. The successor has another name,
	// so that a consent is used once.
	Except []string
	// Keep is how long the former load balancer stays with its targets, from the creation of its successor on.
	Keep time.Duration
}

// Longest bounds Keep: a load balancer that is forgotten costs money.
const Longest = 30 * 24 * time.Hour

// mostNames bounds the consents of a policy.
const mostNames = 50

const (
	allow  = "allow"
	refuse = "refuse"
	except = "except"
	keep   = "keep"
)

// Remedy returns how a policy is written, for messages.
func Remedy() string {
	return `write "allow" or "refuse", then ",except=NAME" for each load balancer that may be replaced nevertheless, and ",keep=DURATION", as 1h or 30m, for the former one to stay so long`
}

// Parse reads a policy: "allow" or "refuse", and after commas "except=NAME", any number of times, and "keep=DURATION".
// The error is of the first item that is wrong.
func Parse(text string) (Policy, error) {
	var p Policy
	first, rest, more := strings.Cut(text, ",")
	switch strings.TrimSpace(first) {
	case allow:
	case refuse:
		p.Refuse = true
	default:
		return Policy{}, fmt.Errorf("%q: unknown replacement policy: neither %s nor %s", short(first), allow, refuse)
	}
	if !more {
		return p, nil
	}
	kept := false
	for item := range strings.SplitSeq(rest, ",") {
		item = strings.TrimSpace(item)
		key, value, _ := strings.Cut(item, "=")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case except:
			switch {
			case value == "" || len(value) > 32: // AWS's limit of names of load balancers
				return Policy{}, fmt.Errorf("%q: no name of a load balancer", short(item))
			case !p.Refuse:
				return Policy{}, fmt.Errorf("%q: without %s, every load balancer may be replaced", short(item), refuse)
			case len(p.Except) == mostNames:
				return Policy{}, fmt.Errorf("%q: more than %d names", short(item), mostNames)
			}
			p.Except = append(p.Except, value)
		case keep:
			d, err := time.ParseDuration(value)
			switch {
			case err != nil || d < 0 || d > Longest:
				return Policy{}, fmt.Errorf("%q: no duration from 0s to %s", short(item), Longest)
			case kept:
				return Policy{}, fmt.Errorf("%q: a second duration", short(item))
			}
			p.Keep, kept = d, true
		default:
			return Policy{}, fmt.Errorf("%q: neither %s=NAME nor %s=DURATION", short(item), except, keep)
		}
	}
	slices.Sort(p.Except)
	p.Except = slices.Compact(p.Except)
	return p, nil
}

// String returns the text that Parse reads.
func (p Policy) String() string {
	items := []string{allow}
	if p.Refuse {
		items[0] = refuse
	}
	for _, name := range p.Except {
		items = append(items, except+"="+name)
	}
	if p.Keep > 0 {
		items = append(items, keep+"="+p.Keep.String())
	}
	return strings.Join(items, ",")
}

// Admits reports whether a load balancer of a name may be replaced.
func (p Policy) Admits(name string) bool { return !p.Refuse || slices.Contains(p.Except, name) }

// Tighter compares the texts of two policies: whether a refuses what b allows. Texts that are no policies cannot be
// compared.
func Tighter(a, b string) bool {
	x, err := Parse(a)
	if err != nil {
		return false
	}
	y, err := Parse(b)
	return err == nil && x.Refuse && !y.Refuse
}

// short is a text as messages quote it.
func short(s string) string {
	const most = 60
	if s = strings.TrimSpace(s); len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
