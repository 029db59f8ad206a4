package rule

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

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
