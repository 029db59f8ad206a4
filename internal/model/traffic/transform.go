package traffic

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Transform types as AWS spells them.
const (
	hostRewrite = "host-header-rewrite"
	urlRewrite  = "url-rewrite"
)

type transform struct {
	kind     string
	rewrites []rewrite
}

type rewrite struct {
	regex   *regexp.Regexp // nil: does not compile
	replace string
}

func compileTransform(t stack.Transform) (transform, error) {
	out := transform{kind: t.Type}
	var bad []error
	if t.Type != hostRewrite && t.Type != urlRewrite {
		bad = append(bad, fmt.Errorf("transform type %q is unknown: it changes nothing", t.Type))
	}
	for _, r := range t.Rewrites {
		re, err := compileExpression(r.Regex)
		if err != nil {
			bad = append(bad, fmt.Errorf("%s: regular expression %q: %w", t.Type, r.Regex, err))
		}
		out.rewrites = append(out.rewrites, rewrite{re, r.Replace})
	}
	return out, errors.Join(bad...)
}

// Rewrite applies the rule's transforms to the Host value and to the path with its query ("/a?x=1"). A value that does
// not match stays as it is. After an error the load balancer answers 500: a result is not a host or does not start with
// a slash.
func (d *Decision) Rewrite(host, uri string) (newHost, newURI string, err error) {
	for _, t := range d.transforms {
		for _, r := range t.rewrites {
			switch t.kind {
			case hostRewrite:
				host, err = r.apply(host)
				if err == nil && (host == "" || strings.ContainsAny(host, "/ \t\r\n")) {
					err = fmt.Errorf("rewritten host %q is not a host name", host)
				}
			case urlRewrite:
				uri, err = r.apply(uri)
				if err == nil && (!strings.HasPrefix(uri, "/") || strings.ContainsAny(uri, " \t\r\n")) {
					err = fmt.Errorf("rewritten URL %q is not a path", uri)
				}
			}
			if err != nil {
				return "", "", err
			}
		}
	}
	return host, uri, nil
}

// apply replaces the first match; $1 to $9 stand for its groups.
func (r rewrite) apply(s string) (string, error) {
	if r.regex == nil {
		return "", errors.New("the regular expression does not compile")
	}
	at := r.regex.FindStringSubmatchIndex(s)
	if at == nil {
		return s, nil
	}
	var b strings.Builder
	b.WriteString(s[:at[0]])
	for i := 0; i < len(r.replace); i++ {
		c := r.replace[i]
		if c == '$' && i+1 < len(r.replace) && '1' <= r.replace[i+1] && r.replace[i+1] <= '9' {
			i++
			if g := 2 * int(r.replace[i]-'0'); g+1 < len(at) && at[g] >= 0 {
				b.WriteString(s[at[g]:at[g+1]])
			}
			continue
		}
		b.WriteByte(c)
	}
	b.WriteString(s[at[1]:])
	return b.String(), nil
}
