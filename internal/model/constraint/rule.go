// Package constraint has the tables of what AWS is certain to refuse, whatever the account contains: one table for
// each field or combination. The compiler leaves out what the tables refuse, so that the command line and the
// controller agree. Package example has refused values for each row. The simulator decides by itself. The package is pure.
package constraint

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Row is a constraint on a part of a rule.
type Row[T any] struct {
	Name string // by which package example knows the row
	// Problem is what is wrong with a value; empty if nothing is.
	Problem func(T) string
}

func first[T any](rows []Row[T], v T) string {
	for i := range rows {
		if problem := rows[i].Problem(v); problem != "" {
			return problem
		}
	}
	return ""
}

// Limits of parts of rules.
const (
	maxValue      = 128 // characters of a value of a condition
	maxHeaderName = 40
	maxMethod     = 40
	maxWeight     = 999
	maxStickiness = 604800 // seconds
	maxBody       = 1024   // bytes
	maxRedirect   = 128    // characters of a part of a redirect
	maxRewrite    = 1024   // characters of a regular expression, or of what takes the place of its match
	maxParams     = 10     // of an authentication request
	maxClaims     = 10     // of a token, and values of a claim
	maxToken      = 256    // characters of a value of a token, and of its issuer
)

var (
	hostCharacters = regexp.MustCompile(`^[A-Za-z0-9\-.*?]*$`)
	hostEnd        = regexp.MustCompile(`^[A-Za-z*?]*$`) // after the last dot
	pathCharacters = regexp.MustCompile("^[A-Za-z0-9_\\-.$/~\"'@:+&*?]*$")
	methods        = regexp.MustCompile(`^[A-Z\-_]+$`)
	redirectHost   = regexp.MustCompile(`^[A-Za-z0-9._-]*(#\{host\}[A-Za-z0-9._-]*)?$`)
	userPoolARN    = regexp.MustCompile(`^arn:[^:\s]+:cognito-idp:[a-z0-9-]+:[0-9]+:userpool/[^\s/]+$`)
	userPoolDomain = regexp.MustCompile(`^[A-Za-z0-9.-]+$`)
	token          = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
)

func tooLong(what, v string, most int) string {
	if n := utf8.RuneCountInString(v); n > most {
		return fmt.Sprintf("%s has %d characters, and AWS allows %d: %q", what, n, most, v)
	}
	return ""
}

// of has a constraint on each value of the conditions of a field.
func of(field stack.ConditionField, problem func(v string) string) func(stack.Condition) string {
	return func(c stack.Condition) string {
		if c.Field != field {
			return ""
		}
		for _, v := range c.Values {
			if text := problem(v); text != "" {
				return text
			}
		}
		return ""
	}
}

// Conditions are the constraints on a condition.
var Conditions = []Row[stack.Condition]{
	{"host characters", of(stack.HostHeader, func(v string) string {
		if !hostCharacters.MatchString(v) {
			return fmt.Sprintf("host %q has a character that AWS does not allow in a host: letters, digits, -, ., * and ?", v)
		}
		return ""
	})},
	{"host ending", of(stack.HostHeader, func(v string) string {
		const instead = "a regular expression (regexValues of a host-header condition) can match it"
		at := strings.LastIndex(v, ".")
		switch {
		case at < 0:
			return fmt.Sprintf("host %q has no dot, and AWS requires one in a host; %s", v, instead)
		case !hostEnd.MatchString(v[at+1:]):
			return fmt.Sprintf("host %q ends with %q, and AWS allows only letters, * and ? after the last dot; %s", v, v[at+1:],
				instead)
		}
		return ""
	})},
	{"host length", of(stack.HostHeader, func(v string) string { return tooLong("a host", v, maxValue) })},
	{"path characters", of(stack.PathPattern, func(v string) string {
		if !pathCharacters.MatchString(v) {
			return fmt.Sprintf("path %q has a character that AWS does not allow in a path: letters, digits, and _-.$/~\"'@:+&*?",
				v)
		}
		return ""
	})},
	{"path length", of(stack.PathPattern, func(v string) string { return tooLong("a path", v, maxValue) })},
	{"header name", func(c stack.Condition) string {
		switch n := c.HeaderName; {
		case c.Field != stack.HTTPHeader:
		case strings.EqualFold(n, "host"):
			return `AWS allows no condition on header "host"; use host-header`
		case !token.MatchString(n) || len(n) > maxHeaderName:
			return fmt.Sprintf("%q is not a valid header name of 1 to %d characters", n, maxHeaderName)
		}
		return ""
	}},
	{"header value", of(stack.HTTPHeader, func(v string) string { return tooLong("a value of a header", v, maxValue) })},
	{"method", of(stack.RequestMethod, func(v string) string {
		if !methods.MatchString(v) || len(v) > maxMethod {
			return fmt.Sprintf("%q is not a request method of at most %d capital letters", v, maxMethod)
		}
		return ""
	})},
	{"source address", of(stack.SourceIP, func(v string) string {
		if _, err := netip.ParsePrefix(v); err != nil || v == "255.255.255.255/32" {
			return fmt.Sprintf("source address %q is not a range that AWS allows", v)
		}
		return ""
	})},
	{"query", func(c stack.Condition) string {
		for _, q := range c.Query {
			if q.Value == "" {
				return fmt.Sprintf("the value of query parameter %q is empty", q.Key)
			}
			if text := tooLong("a key of a query parameter", q.Key, maxValue); text != "" {
				return text
			}
			if text := tooLong("a value of a query parameter", q.Value, maxValue); text != "" {
				return text
			}
		}
		return ""
	}},
	{"empty value", func(c stack.Condition) string {
		if c.Field != stack.HostHeader && slices.Contains(c.Values, "") || slices.Contains(c.Regex, "") {
			return fmt.Sprintf("a value of the %s condition is empty", c.Field)
		}
		return ""
	}},
	{"wildcards", func(c stack.Condition) string {
		n := 0
		for _, v := range c.Values {
			n = max(n, wildcards(v))
		}
		for _, q := range c.Query {
			n = max(n, wildcards(q.Key)+wildcards(q.Value))
		}
		if n <= stack.MaxWildcards || c.Field == stack.RequestMethod || c.Field == stack.SourceIP {
			return ""
		}
		return fmt.Sprintf("a value of the %s condition has %d wildcards, and AWS allows %d in a rule", c.Field, n,
			stack.MaxWildcards)
	}},
	{"regular expression", func(c stack.Condition) string {
		for _, v := range c.Regex {
			if text := expression(v, maxValue); text != "" {
				return text
			}
		}
		return ""
	}},
	{"regular expression of a field without", func(c stack.Condition) string {
		if len(c.Regex) > 0 && slices.Contains([]stack.ConditionField{stack.RequestMethod, stack.QueryString, stack.SourceIP},
			c.Field) {
			return fmt.Sprintf("a %s condition has no regular expressions", c.Field)
		}
		return ""
	}},
}

func wildcards(v string) int { return strings.Count(v, "*") + strings.Count(v, "?") }

// expression is what is wrong with a regular expression. AWS's dialect neither looks around nor back, as Go's. It is
// only parsed: the program of a short one may take 100 MB.
func expression(v string, most int) string {
	if text := tooLong("a regular expression", v, most); text != "" {
		return text
	}
	if _, err := overlap.Parse(v); err != nil {
		return fmt.Sprintf("AWS does not allow the regular expression %q: %s", v, expressionFault(err))
	}
	return ""
}

// expressionFault is what is wrong with a regular expression, in words of this project.
func expressionFault(err error) string {
	var fault *syntax.Error
	if !errors.As(err, &fault) {
		return "it is too large"
	}
	switch fault.Code {
	case syntax.ErrInvalidPerlOp:
		return fmt.Sprintf("it has %s, and AWS's regular expressions neither look ahead nor behind", fault.Expr)
	case syntax.ErrMissingParen, syntax.ErrUnexpectedParen:
		return "its parentheses are not in pairs"
	case syntax.ErrMissingBracket, syntax.ErrInvalidCharClass, syntax.ErrInvalidCharRange:
		return fmt.Sprintf("the character class %s is not complete or has a wrong range", fault.Expr)
	case syntax.ErrMissingRepeatArgument:
		return fmt.Sprintf("nothing is before %s that it could repeat; for any characters, write .*", fault.Expr)
	case syntax.ErrInvalidRepeatOp, syntax.ErrInvalidRepeatSize:
		return fmt.Sprintf("the repetition %s is not possible", fault.Expr)
	case syntax.ErrInvalidEscape, syntax.ErrTrailingBackslash:
		return fmt.Sprintf(`it has %s, which is not an escape that AWS knows; for a backslash, write \\`, fault.Expr)
	case syntax.ErrInternalError, syntax.ErrInvalidNamedCapture, syntax.ErrInvalidUTF8, syntax.ErrLarge,
		syntax.ErrNestingDepth:
	}
	return "AWS does not support " + fault.Expr
}

// Actions are the constraints on an action.
var Actions = []Row[stack.Action]{
	{"status of a fixed response", func(a stack.Action) string {
		if f := a.FixedResponse; f != nil && (len(f.StatusCode) != 3 || !strings.Contains("245", f.StatusCode[:1]) ||
			strings.Trim(f.StatusCode, "0123456789") != "") {
			return fmt.Sprintf("the status of a fixed response is %q, and AWS allows 2XX, 4XX and 5XX", f.StatusCode)
		}
		return ""
	}},
	{"content type of a fixed response", func(a stack.Action) string {
		types := []string{"", "text/plain", "text/css", "text/html", "application/javascript", "application/json"}
		if f := a.FixedResponse; f != nil && !slices.Contains(types, f.ContentType) {
			return fmt.Sprintf("the content type of a fixed response is %q, and AWS allows %s", f.ContentType,
				strings.Join(types[1:], ", "))
		}
		return ""
	}},
	{"body of a fixed response", func(a stack.Action) string {
		if f := a.FixedResponse; f != nil && len(f.MessageBody) > maxBody {
			return fmt.Sprintf("the body of a fixed response has %d bytes, and AWS allows %d", len(f.MessageBody), maxBody)
		}
		return ""
	}},
	{"redirect", func(a stack.Action) string {
		if a.Redirect == nil {
			return ""
		}
		return redirect(a.Redirect)
	}},
	{"redirect to itself", func(a stack.Action) string {
		if a.Redirect != nil && Unchanged(a.Redirect) {
			return "a redirect changes neither protocol, port, host nor path, which AWS does not allow: it would lead to itself"
		}
		return ""
	}},
	{"target group named twice", func(a stack.Action) string {
		if a.Forward == nil {
			return ""
		}
		return namedTwice(a.Forward.TargetGroups)
	}},
	{"weights and stickiness of a forward", func(a stack.Action) string {
		if a.Forward == nil {
			return ""
		}
		return forward(a.Forward)
	}},
	{"login", func(a stack.Action) string {
		switch {
		case a.OIDC != nil:
			return oidc(a.OIDC)
		case a.Cognito != nil:
			return cognito(a.Cognito)
		case a.JWT != nil:
			return jwt(a.JWT)
		}
		return ""
	}},
}

// Unchanged reports whether a redirect changes nothing but the query.
func Unchanged(r *stack.Redirect) bool {
	same := func(set, unchanged string) bool { return set == "" || set == unchanged }
	return same(r.Protocol, "#{protocol}") && same(r.Port, "#{port}") && same(r.Host, "#{host}") &&
		same(r.Path, "/#{path}")
}

func redirect(r *stack.Redirect) string {
	port, err := strconv.Atoi(r.Port)
	switch {
	case r.StatusCode != "" && r.StatusCode != "HTTP_301" && r.StatusCode != "HTTP_302":
		return fmt.Sprintf("the status of a redirect is %q, and AWS allows HTTP_301 and HTTP_302", r.StatusCode)
	case r.Protocol != "" && !slices.Contains([]string{"HTTP", "HTTPS", "#{protocol}"}, r.Protocol):
		return fmt.Sprintf("the protocol of a redirect is %q, and AWS allows HTTP, HTTPS and #{protocol}", r.Protocol)
	case r.Port != "" && r.Port != "#{port}" && (err != nil || port < 1 || port > 65535 || strconv.Itoa(port) != r.Port):
		return fmt.Sprintf("the port of a redirect is %q, and AWS allows 1 to 65535 and #{port}", r.Port)
	case !redirectHost.MatchString(r.Host):
		return fmt.Sprintf("the host of a redirect is %q, and AWS allows the name of a host, which may contain #{host} "+
			"once; protocol, port and path are parts of their own", r.Host)
	case r.Path != "" && !strings.HasPrefix(r.Path, "/"):
		return fmt.Sprintf("the path of a redirect is %q, and AWS allows none without a slash in front", r.Path)
	case strings.HasPrefix(r.Query, "?"):
		return fmt.Sprintf("the query of a redirect is %q, and AWS allows no question mark in front", r.Query)
	}
	for _, p := range []string{"#{path}", "#{host}", "#{port}"} {
		if strings.Count(r.Path, p) > 1 {
			return fmt.Sprintf("the path of a redirect has %s more than once: %q", p, r.Path)
		}
	}
	for what, v := range map[string]string{"the host of a redirect": r.Host, "the path of a redirect": r.Path,
		"the query of a redirect": r.Query} {
		if text := tooLong(what, v, maxRedirect); text != "" {
			return text
		}
	}
	return ""
}

func namedTwice(groups []stack.WeightedTargetGroup) string {
	for i, g := range groups {
		if g.TargetGroup != (stack.Ref{}) && slices.ContainsFunc(groups[:i], func(o stack.WeightedTargetGroup) bool {
			return o.TargetGroup == g.TargetGroup
		}) {
			return fmt.Sprintf("a forward has target group %s twice, and AWS allows each once",
				cmp.Or(g.TargetGroup.Literal, g.TargetGroup.ID))
		}
	}
	return ""
}

func forward(f *stack.Forward) string {
	for _, g := range f.TargetGroups {
		if g.Weight != nil && (*g.Weight < 0 || *g.Weight > maxWeight) {
			return fmt.Sprintf("a weight is %d, and AWS allows 0 to %d", *g.Weight, maxWeight)
		}
	}
	if s := f.Stickiness; s != nil && s.Enabled && (s.DurationSeconds < 1 || s.DurationSeconds > maxStickiness) {
		return fmt.Sprintf("the stickiness of a forward lasts %d seconds, and AWS allows 1 to %d", s.DurationSeconds,
			maxStickiness)
	}
	return ""
}

func endpoint(what, v string) string {
	if u, err := url.Parse(v); err != nil || u.Scheme != "https" || u.Host == "" {
		return fmt.Sprintf("the %s of the login is %q, and AWS allows https URLs", what, v)
	}
	return ""
}

func oidc(o *stack.AuthenticateOIDC) string {
	for _, e := range []struct{ what, v string }{
		{"issuer", o.Issuer}, {"authorization endpoint", o.AuthorizationEndpoint}, {"token endpoint", o.TokenEndpoint},
		{"user info endpoint", o.UserInfoEndpoint},
	} {
		if text := endpoint(e.what, e.v); text != "" {
			return text
		}
	}
	return session(&o.Session)
}

func cognito(c *stack.AuthenticateCognito) string {
	switch {
	case !userPoolARN.MatchString(c.UserPoolARN):
		return fmt.Sprintf("%.300q is not the ARN of a user pool, like arn:aws:cognito-idp:REGION:ACCOUNT:userpool/ID",
			c.UserPoolARN)
	case !userPoolDomain.MatchString(c.UserPoolDomain):
		return fmt.Sprintf("the domain of the user pool is %.300q, and AWS allows a domain or its first part, without "+
			"https://", c.UserPoolDomain)
	}
	return session(&c.Session)
}

func session(s *stack.Session) string {
	switch {
	case s.Cookie != "" && !token.MatchString(s.Cookie):
		return fmt.Sprintf("the cookie of a login is %.300q, and AWS allows the name of a cookie, without blanks", s.Cookie)
	case s.TimeoutSeconds < 0 || s.TimeoutSeconds > maxStickiness:
		return fmt.Sprintf("the session of a login lasts %d seconds, and AWS allows 1 to %d", s.TimeoutSeconds, maxStickiness)
	case len(s.ExtraParams) > maxParams:
		return fmt.Sprintf("a login has %d extra parameters, and AWS allows %d", len(s.ExtraParams), maxParams)
	case s.OnUnauthenticated != "" && !slices.Contains([]string{"authenticate", "allow", "deny"}, s.OnUnauthenticated):
		return fmt.Sprintf("a login answers unknown clients with %q, and AWS allows authenticate, allow and deny",
			s.OnUnauthenticated)
	}
	return ""
}

func jwt(j *stack.ValidateJWT) string {
	for _, text := range []string{endpoint("key endpoint", j.JWKSEndpoint), tooLong("the key endpoint", j.JWKSEndpoint,
		maxToken), tooLong("the issuer of tokens", j.Issuer, maxToken)} {
		if text != "" {
			return text
		}
	}
	if len(j.Claims) > maxClaims {
		return fmt.Sprintf("a token is to have %d claims, and AWS allows %d", len(j.Claims), maxClaims)
	}
	for _, c := range j.Claims {
		switch {
		case slices.Contains([]string{"exp", "iss", "nbf", "iat"}, c.Name):
			return fmt.Sprintf("claim %s of a token cannot be declared: AWS always checks it", c.Name)
		case !slices.Contains([]string{"single-string", "string-array", "space-separated-values"}, c.Format):
			return fmt.Sprintf("claim %s of a token has format %q, and AWS allows single-string, string-array and "+
				"space-separated-values", c.Name, c.Format)
		case len(c.Values) == 0 || len(c.Values) > maxClaims:
			return fmt.Sprintf("claim %s of a token has %d values, and AWS allows 1 to %d", c.Name, len(c.Values), maxClaims)
		}
		for _, v := range c.Values {
			if text := tooLong("a value of claim "+c.Name, v, maxToken); text != "" {
				return text
			}
		}
	}
	return ""
}

// Transforms are the constraints on a transform.
var Transforms = []Row[stack.Transform]{
	{"rewrite", func(t stack.Transform) string {
		for _, r := range t.Rewrites {
			if text := expression(r.Regex, maxRewrite); text != "" {
				return text
			}
			if text := tooLong("what a rewrite puts", r.Replace, maxRewrite); text != "" {
				return text
			}
			if r.Regex == "" {
				return "the regular expression of a rewrite is empty"
			}
		}
		return ""
	}},
	{"number of rewrites", func(t stack.Transform) string {
		if len(t.Rewrites) != 1 {
			return fmt.Sprintf("a transform has %d rewrites, and AWS allows one", len(t.Rewrites))
		}
		return ""
	}},
}

// OfConditions returns what AWS refuses of the conditions of a rule; empty if nothing is certain.
func OfConditions(all []stack.Condition) string {
	for i := range all {
		if problem := first(Conditions, all[i]); problem != "" {
			return problem
		}
	}
	return ""
}

// OfActions returns what AWS refuses of what a rule does.
func OfActions(actions []stack.Action, transforms []stack.Transform) string {
	for i := range actions {
		if problem := first(Actions, actions[i]); problem != "" {
			return problem
		}
	}
	seen := map[string]bool{}
	for i := range transforms {
		if problem := first(Transforms, transforms[i]); problem != "" {
			return problem
		}
		if seen[transforms[i].Type] {
			return fmt.Sprintf("a rule has two transforms of type %s, and AWS allows one", transforms[i].Type)
		}
		seen[transforms[i].Type] = true
	}
	return ""
}
