package rule

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Filtered is what the filters of a route's rule make of one match: a rule of the load balancer, or two where a
// redirect replaces a prefix and nothing else.
type Filtered struct {
	Conditions []stack.Condition
	Redirect   *stack.Redirect // nil = the request is forwarded
	Transforms []stack.Transform
}

// Filter applies the filters of a rule to a match with the given conditions. Filters of type ExtensionRef are the
// caller's. query is the query of a redirect; empty = that of the request. The error names what an ALB cannot do.
func (c Construction) Filter(filters []gatewayv1.HTTPRouteFilter, match gatewayv1.HTTPRouteMatch,
	conditions []stack.Condition, query string) ([]Filtered, error) {
	out := Filtered{Conditions: conditions}
	for i := range filters {
		f := &filters[i]
		switch f.Type {
		case gatewayv1.HTTPRouteFilterExtensionRef:
		case gatewayv1.HTTPRouteFilterURLRewrite:
			if f.URLRewrite == nil {
				return nil, fmt.Errorf("filter of type %s without urlRewrite", f.Type)
			}
			if f.URLRewrite.Path != nil {
				t, err := c.Path(f.URLRewrite.Path, match.Path)
				if err != nil {
					return nil, err
				}
				out.Transforms = append(out.Transforms, t)
			}
			if f.URLRewrite.Hostname != nil {
				out.Transforms = append(out.Transforms, c.Hostname(*f.URLRewrite.Hostname))
			}
		case gatewayv1.HTTPRouteFilterRequestRedirect:
			if f.RequestRedirect == nil {
				return nil, fmt.Errorf("filter of type %s without requestRedirect", f.Type)
			}
			r, err := redirect(f.RequestRedirect)
			if err != nil {
				return nil, err
			}
			r.Query = query
			out.Redirect = r
			if p := f.RequestRedirect.Path; p != nil && p.Type == gatewayv1.PrefixMatchHTTPPathModifier {
				if *r == (stack.Redirect{StatusCode: r.StatusCode}) {
					return prefixRedirect(out, p, match.Path)
				}
				t, err := c.Path(p, match.Path)
				if err != nil {
					return nil, err
				}
				out.Transforms = append(out.Transforms, t)
			}
		default:
			return nil, fmt.Errorf("filter of type %s: a load balancer has RequestRedirect and URLRewrite only", f.Type)
		}
	}
	return []Filtered{out}, nil
}

// redirect is what a filter sets of a redirect action, without its query and the replacement of a prefix.
func redirect(f *gatewayv1.HTTPRequestRedirectFilter) (*stack.Redirect, error) {
	r := &stack.Redirect{StatusCode: "HTTP_302"}
	if f.StatusCode != nil {
		if *f.StatusCode != 301 && *f.StatusCode != 302 {
			return nil, fmt.Errorf("redirect with status %d: a load balancer answers 301 or 302", *f.StatusCode)
		}
		r.StatusCode = "HTTP_" + strconv.Itoa(*f.StatusCode)
	}
	if f.Hostname != nil {
		r.Host = string(*f.Hostname)
	}
	if f.Scheme != nil {
		ports := map[string]string{"HTTP": "80", "HTTPS": "443"}
		r.Protocol = strings.ToUpper(*f.Scheme)
		if r.Port = ports[r.Protocol]; r.Port == "" {
			return nil, fmt.Errorf("redirect to scheme %s: a load balancer redirects to http or https", *f.Scheme)
		}
	}
	if f.Port != nil {
		r.Port = strconv.Itoa(int(*f.Port))
	}
	if f.Path != nil && f.Path.Type == gatewayv1.FullPathHTTPPathModifier {
		if r.Path = ptr.Deref(f.Path.ReplaceFullPath, ""); strings.ContainsAny(r.Path, "*?") {
			return nil, fmt.Errorf("redirect to path %s: it may not have * or ?", r.Path)
		}
	}
	return r, nil
}

// prefixRedirect replaces the prefix in a redirect that changes nothing else. AWS refuses a redirect whose every part
// has its default value as a loop, also if a transform changes the path; so the prefix itself and the paths below it
// get a rule each, and the path is written out.
func prefixRedirect(f Filtered, modifier *gatewayv1.HTTPPathModifier, match *gatewayv1.HTTPPathMatch) (
	[]Filtered, error) {
	if match != nil && match.Type != nil && *match.Type != gatewayv1.PathMatchPathPrefix {
		return nil, fmt.Errorf("path modifier ReplacePrefixMatch needs a path match of type PathPrefix, not %s", *match.Type)
	}
	prefix := ""
	if match != nil {
		prefix = strings.TrimSuffix(ptr.Deref(match.Value, ""), "/")
	}
	to := strings.TrimSuffix(ptr.Deref(modifier.ReplacePrefixMatch, ""), "/")
	switch {
	case to == "":
		return nil, fmt.Errorf("redirect from prefix %s to /: a load balancer takes it for a redirect to the same place; "+
			"set a hostname, scheme or port too", prefix+"/")
	case strings.ContainsAny(to, "*?"):
		return nil, fmt.Errorf("redirect to prefix %s: it may not have * or ?", to)
	case prefix == "":
		f.Redirect.Path = to + "/#{path}"
		return []Filtered{f}, nil
	case !plainPath(prefix):
		return nil, fmt.Errorf("redirect from prefix %s: a load balancer redirects from prefixes of letters, digits and "+
			"_-.$/~\"'@:+& only", prefix)
	}
	exact, below := f, f
	exact.Conditions, below.Conditions = withPath(f.Conditions, prefix), withPath(f.Conditions, prefix+"/*")
	first, second := *f.Redirect, *f.Redirect
	first.Path, second.Path = to, to+"/#{path}"
	exact.Redirect, below.Redirect = &first, &second
	below.Transforms = append(slices.Clone(f.Transforms), transform(urlRewrite, "^"+regexp.QuoteMeta(prefix), ""))
	return []Filtered{exact, below}, nil
}

// withPath are conditions with another path.
func withPath(conditions []stack.Condition, path string) []stack.Condition {
	out := slices.Clone(conditions)
	for i := range out {
		if out[i].Field == stack.PathPattern {
			out[i] = stack.Condition{Field: stack.PathPattern, Values: []string{path}}
		}
	}
	return out
}

// Types of transforms, as AWS spells them.
const (
	urlRewrite  = "url-rewrite"
	hostRewrite = "host-header-rewrite"
)

// Path returns the transform of a path modifier behind a path match.
func (c Construction) Path(modifier *gatewayv1.HTTPPathModifier, match *gatewayv1.HTTPPathMatch) (t stack.Transform,
	err error) {
	if modifier.Type == gatewayv1.FullPathHTTPPathModifier {
		full := ptr.Deref(modifier.ReplaceFullPath, "")
		if err := c.checkReplacement(full); err != nil {
			return t, err
		}
		return transform(urlRewrite, `^([^?]*)`, full), nil
	}
	prefix := "/"
	if match != nil {
		if match.Type != nil && *match.Type != gatewayv1.PathMatchPathPrefix {
			return t, fmt.Errorf("path modifier ReplacePrefixMatch needs a path match of type PathPrefix, not %s", *match.Type)
		}
		if match.Value != nil {
			prefix = *match.Value
		}
	}
	r := ptr.Deref(modifier.ReplacePrefixMatch, "")
	if err := c.checkReplacement(r); err != nil {
		return t, err
	}
	if c == Standard {
		if prefix = strings.TrimSuffix(prefix, "/"); prefix == "" {
			return transform(urlRewrite, "^/", strings.TrimSuffix(r, "/")+"/"), nil
		}
		prefix = regexp.QuoteMeta(prefix)
	}
	switch {
	case r == "":
		r = "/"
	case !strings.HasSuffix(r, "/"):
		r += "$2"
	}
	return transform(urlRewrite, "(^"+prefix+"(/)?)", r), nil
}

// Hostname returns the transform of a hostname that requests get.
func (c Construction) Hostname(h gatewayv1.PreciseHostname) stack.Transform {
	return transform(hostRewrite, ".*", string(h))
}

// checkReplacement refuses what a load balancer would take for a group of the expression.
func (c Construction) checkReplacement(s string) error {
	for i := 0; c == Standard && i+1 < len(s); i++ {
		if s[i] == '$' && s[i+1] >= '1' && s[i+1] <= '9' {
			return fmt.Errorf("replacement %s: a load balancer takes %s for a part of the path", s, s[i:i+2])
		}
	}
	return nil
}

func transform(kind, expression, replacement string) stack.Transform {
	return stack.Transform{Type: kind, Rewrites: []stack.Rewrite{{Regex: expression, Replace: replacement}}}
}
