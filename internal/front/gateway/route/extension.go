package route

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/front/secretdata"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// ruleConfiguration is the content of a ListenerRuleConfiguration.
type ruleConfiguration struct {
	Configuration
	unread     string          // why the Secret of the login is not known: rules that have the login keep it
	guard      []intent.Action // authentication in front of the action
	response   []intent.Action // a fixed response
	redirect   bool            // there is an action of type redirect
	query      string          // of it; empty = that of the request
	stickiness *stack.Stickiness
	sources    []lbcgatewayv1.Condition
	tags       map[string]string
}

// sourceIPs are the conditions on clients' addresses of a match.
func (c *ruleConfiguration) sourceIPs(match int) (out []stack.Condition) {
	if c == nil {
		return nil
	}
	for _, s := range c.sources {
		if s.MatchIndexes == nil || slices.Contains(*s.MatchIndexes, match) {
			out = append(out, stack.Condition{Field: stack.SourceIP, Values: s.SourceIPConfig.Values})
		}
	}
	return out
}

// extension is the ListenerRuleConfiguration of a rule; nil = it has none. problem is why it cannot be used.
func (t *translation) extension(r *routeRule) (config *ruleConfiguration, problem string) {
	wrong := func(format string, args ...any) (*ruleConfiguration, string) {
		return nil, fmt.Sprintf(format, args...)
	}
	var names []string
	for k := range r.filters {
		ref := r.filters[k].ExtensionRef
		switch {
		case r.filters[k].Type != gatewayv1.HTTPRouteFilterExtensionRef:
		case ref == nil:
			r.misfit = "name a ListenerRuleConfiguration in the filter, or remove the filter"
			return wrong("filters[%d] of type ExtensionRef names no object", k)
		case string(ref.Group) == lbcgatewayv1.GroupVersion.Group &&
			string(ref.Kind) == string(objects.ListenerRuleConfiguration):
			names = append(names, string(ref.Name))
		case t.in.Construction == rule.Compatible:
			t.ignored(fmt.Sprintf("%s.filters[%d]", r.at, k), fmt.Sprintf("an ExtensionRef to %s %s has no effect", ref.Kind,
				ref.Name), "name a ListenerRuleConfiguration of group "+lbcgatewayv1.GroupVersion.Group)
		default:
			return wrong("filters[%d] names %s of group %s: only ListenerRuleConfiguration of group %s can be named", k,
				ref.Kind, ref.Group, lbcgatewayv1.GroupVersion.Group)
		}
	}
	if len(names) == 0 {
		return nil, ""
	}
	if len(names) > 1 {
		r.misfit = "name one ListenerRuleConfiguration with the settings of all of them"
		return wrong("a rule can have one ListenerRuleConfiguration, and this one has %d: %s", len(names),
			strings.Join(names, ", "))
	}
	name := names[0]
	if c, read := t.configurations[name]; read {
		return t.accepted(r, c)
	}
	o, ok := objects.Lookup[*lbcgatewayv1.ListenerRuleConfiguration](t.in.View, objects.ListenerRuleConfiguration,
		t.route.Route.Namespace, name)
	if !ok {
		r.absent = true
		return wrong("ListenerRuleConfiguration %s/%s does not exist", t.route.Route.Namespace, name)
	}
	c := &ruleConfiguration{Configuration: Configuration{Namespace: o.Namespace, Name: o.Name, Generation: o.Generation,
		Accepted: true, Message: "Accepted"}, tags: t.ruleTags(o)}
	if message := t.configure(c, &o.Spec); message != "" {
		c.Accepted, c.Message = false, message
	}
	t.configurations[name], t.used = c, append(t.used, name)
	return t.accepted(r, c)
}

// ruleTags are the tags of a ListenerRuleConfiguration without those that AWS takes of no resource, which are noted.
func (t *translation) ruleTags(o *lbcgatewayv1.ListenerRuleConfiguration) map[string]string {
	out := maps.Clone(o.Spec.Tags)
	for _, key := range slices.Sorted(maps.Keys(o.Spec.Tags)) {
		if problem := constraint.OfTag(constraint.Tag{Key: key, Value: out[key]}); problem != "" {
			delete(out, key)
			t.tell(diag.New(ObjectOf(o, gatewayv1.Kind(objects.ListenerRuleConfiguration)), "spec.tags["+key+"]",
				diag.IgnoredSetting, problem+"; rules do not get the tag", "correct the tag, or remove it"))
		}
	}
	return out
}

func (t *translation) accepted(r *routeRule, c *ruleConfiguration) (*ruleConfiguration, string) {
	if !c.Accepted {
		return nil, fmt.Sprintf("ListenerRuleConfiguration %s/%s is not accepted. Reason: %s", c.Namespace, c.Name, c.Message)
	}
	if text := t.checkIndexes(r, c); text != "" {
		return nil, text
	}
	return c, ""
}

// checkIndexes notes conditions for matches that a rule does not have. It returns the mistake if such a condition
// leaves a match of the rule open to all addresses, unless it may be so already.
func (t *translation) checkIndexes(r *routeRule, c *ruleConfiguration) string {
	open := 0
	for open < len(r.matches) && len(c.sourceIPs(open)) > 0 {
		open++
	}
	for i := range c.sources {
		for _, index := range ptr.Deref(c.sources[i].MatchIndexes, nil) {
			if index >= 0 && index < len(r.matches) {
				continue
			}
			text := fmt.Sprintf("ListenerRuleConfiguration %s has a condition for match %d, and the rule has %d", c.Name, index,
				len(r.matches))
			if open < len(r.matches) && !t.in.Served {
				return fmt.Sprintf("%s; match %d would be open to all addresses (matchIndexes count from 0)", text, open)
			}
			t.ignored(r.at, text, "correct matchIndexes")
		}
	}
	return ""
}

// configure reads a spec. The message says what is wrong with it, and where.
func (t *translation) configure(c *ruleConfiguration, spec *lbcgatewayv1.ListenerRuleConfigurationSpec) (
	message string) {
	if n := parts(spec); n > mostParts {
		return fmt.Sprintf("spec: it has %d conditions, matchIndexes, values and tags, and at most %d are read", n, mostParts)
	}
	guards, answers := 0, 0
	for i := range spec.Actions {
		a := &spec.Actions[i]
		at := fmt.Sprintf("spec.actions[%d].", i)
		var problem string
		var present bool
		switch a.Type {
		case lbcgatewayv1.ActionForward:
			if answers, present = answers+1, a.ForwardConfig != nil; present {
				problem = c.forward(a.ForwardConfig)
			}
		case lbcgatewayv1.ActionRedirect:
			if answers, present = answers+1, a.RedirectConfig != nil; present {
				problem = c.redirectTo(a.RedirectConfig)
			}
		case lbcgatewayv1.ActionFixedResponse:
			if answers, present = answers+1, a.FixedResponseConfig != nil; present {
				problem = c.respond(a.FixedResponseConfig)
			}
		case lbcgatewayv1.ActionAuthenticateCognito:
			if guards, present = guards+1, a.AuthenticateCognitoConfig != nil; present {
				problem = c.cognito(a.AuthenticateCognitoConfig)
			}
		case lbcgatewayv1.ActionAuthenticateOIDC:
			if guards, present = guards+1, a.AuthenticateOIDCConfig != nil; present {
				problem = t.oidc(c, a.AuthenticateOIDCConfig)
			}
		case lbcgatewayv1.ActionJWTValidation:
			if guards, present = guards+1, a.JWTValidationConfig != nil; present {
				problem = c.jwt(a.JWTValidationConfig)
			}
		default:
			return fmt.Sprintf("%stype: unknown type %s", at, a.Type)
		}
		switch {
		case !present:
			return fmt.Sprintf("%stype: %s without its configuration", at, a.Type)
		case strings.HasPrefix(problem, "secret ["), strings.HasPrefix(problem, "missing client"):
			return problem
		case problem != "":
			return at + problem
		case guards > 1:
			return "spec.actions: at most one of authenticate-oidc, authenticate-cognito and jwt-validation"
		case answers > 1:
			return "spec.actions: at most one of fixed-response, forward and redirect"
		}
	}
	if message := checkSources(spec.Conditions); message != "" {
		return message
	}
	c.sources = spec.Conditions
	return ""
}

// mostParts is how many parts of a configuration are read, far more than a rule or target group of AWS has. Each route
// that names the configuration is compared with all of them, and the routes of others at the Gateway wait.
const mostParts = 500

// parts counts the parts of a configuration that are compared with each other or with the matches of a rule.
func parts(spec *lbcgatewayv1.ListenerRuleConfigurationSpec) int {
	n := len(spec.Conditions) + len(spec.Tags)
	for i := range spec.Conditions {
		n += len(ptr.Deref(spec.Conditions[i].MatchIndexes, nil))
		if s := spec.Conditions[i].SourceIPConfig; s != nil {
			n += len(s.Values)
		}
	}
	for i := range spec.Actions {
		if j := spec.Actions[i].JWTValidationConfig; j != nil {
			n += len(j.AdditionalClaims)
		}
	}
	return n
}

// checkSources says what is wrong with conditions, which are source addresses.
func checkSources(all []lbcgatewayv1.Condition) (message string) {
	for i := range all {
		s := &all[i]
		if s.Field != lbcgatewayv1.ConditionSourceIP || s.SourceIPConfig == nil || len(s.SourceIPConfig.Values) == 0 {
			return fmt.Sprintf("spec.conditions[%d]: field source-ip with sourceIPConfig.values is needed", i)
		}
		for j, v := range s.SourceIPConfig.Values {
			if _, err := netip.ParsePrefix(v); err != nil {
				return fmt.Sprintf("spec.conditions[%d].sourceIPConfig.values[%d]: %q is no CIDR", i, j, v)
			}
		}
		for j := range i {
			if overlapping(all[j].MatchIndexes, s.MatchIndexes) {
				return fmt.Sprintf("spec.conditions[%d]: a rule has one condition source-ip, and conditions[%d] applies to the "+
					"same matches; write all values into one", i, j)
			}
		}
	}
	return ""
}

// overlapping reports whether two lists of matches have one in common; nil = all.
func overlapping(a, b *[]int) bool {
	return a == nil || b == nil || slices.ContainsFunc(*a, func(i int) bool { return slices.Contains(*b, i) })
}

func (c *ruleConfiguration) forward(f *lbcgatewayv1.ForwardActionConfig) string {
	s := f.TargetGroupStickinessConfig
	if s == nil {
		return ""
	}
	c.stickiness = &stack.Stickiness{Enabled: ptr.Deref(s.Enabled, false),
		DurationSeconds: ptr.Deref(s.DurationSeconds, 3600)}
	return within("forwardConfig.targetGroupStickinessConfig.durationSeconds", int64(c.stickiness.DurationSeconds), 1,
		stack.DefaultSessionTimeout)
}

func (c *ruleConfiguration) redirectTo(r *lbcgatewayv1.RedirectActionConfig) string {
	c.redirect, c.query = true, ptr.Deref(r.Query, "")
	const most = 128
	if len(c.query) > most {
		return fmt.Sprintf("redirectConfig.query: it has %d characters, and AWS allows %d", len(c.query), most)
	}
	if c.query == "#{query}" {
		c.query = ""
	}
	return ""
}

func (c *ruleConfiguration) respond(f *lbcgatewayv1.FixedResponseActionConfig) string {
	kind := string(ptr.Deref(f.ContentType, "text/plain"))
	body := ptr.Deref(f.MessageBody, "")
	const most = 1024
	switch {
	case f.StatusCode < 200 || f.StatusCode > 599 || f.StatusCode/100 == 3:
		return fmt.Sprintf("fixedResponseConfig.statusCode: %d is not from 200 to 299 or from 400 to 599", f.StatusCode)
	case !slices.Contains([]string{"text/plain", "text/css", "text/html", "application/javascript", "application/json"},
		kind):
		return "fixedResponseConfig.contentType: unknown type " + kind
	case len(body) > most:
		return fmt.Sprintf("fixedResponseConfig.messageBody: it has %d bytes, and AWS allows %d", len(body), most)
	}
	c.response = []intent.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
		StatusCode: strconv.Itoa(int(f.StatusCode)), ContentType: kind, MessageBody: body,
	}}}
	return ""
}

// session reads what both ways of signing in have in common. at is the field that holds it.
func session(at string, s *lbcgatewayv1.AuthenticateSession) (out stack.Session, problem string) {
	out = stack.Session{
		OnUnauthenticated: string(ptr.Deref(s.OnUnauthenticatedRequest, stack.DefaultOnUnauthenticated)),
		Scope:             ptr.Deref(s.Scope, stack.DefaultScope),
		Cookie:            ptr.Deref(s.SessionCookieName, stack.DefaultSessionCookie),
		TimeoutSeconds:    ptr.Deref(s.SessionTimeout, stack.DefaultSessionTimeout),
		ExtraParams:       s.AuthenticationRequestExtraParams,
	}
	const most = 10 // AuthenticationRequestExtraParams
	switch {
	case !slices.Contains([]string{"deny", "allow", "authenticate"}, out.OnUnauthenticated):
		problem = fmt.Sprintf("%sonUnauthenticatedRequest: %q is not deny, allow or authenticate", at, out.OnUnauthenticated)
	case len(out.ExtraParams) > most:
		problem = fmt.Sprintf("%sauthenticationRequestExtraParams: %d parameters, and AWS allows %d", at,
			len(out.ExtraParams), most)
	default:
		problem = within(at+"sessionTimeout", out.TimeoutSeconds, 1, stack.DefaultSessionTimeout)
	}
	return out, problem
}

func within(at string, n, low, high int64) string {
	if n < low || n > high {
		return fmt.Sprintf("%s: %d is not from %d to %d", at, n, low, high)
	}
	return ""
}

// required names the first field of pairs of names and values whose value is empty.
func required(at string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			return at + pairs[i] + ": it is required"
		}
	}
	return ""
}

// endpoints names the first field of pairs of names and values that is not an https URL, as AWS requires.
func endpoints(at string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		if u, err := url.Parse(pairs[i+1]); err != nil || u.Scheme != "https" || u.Host == "" {
			return fmt.Sprintf("%s%s: %q is not an https URL", at, pairs[i], pairs[i+1])
		}
	}
	return ""
}

func (c *ruleConfiguration) cognito(a *lbcgatewayv1.AuthenticateCognitoActionConfig) string {
	const at = "authenticateCognitoConfig."
	s, problem := session(at, &a.AuthenticateSession)
	if missing := required(at, "userPoolArn", a.UserPoolArn, "userPoolClientId", a.UserPoolClientID, "userPoolDomain",
		a.UserPoolDomain); missing != "" {
		return missing
	}
	c.guard = []intent.Action{{Type: stack.ActionAuthenticateCognito, Cognito: &stack.AuthenticateCognito{
		UserPoolARN: a.UserPoolArn, UserPoolClientID: a.UserPoolClientID, UserPoolDomain: a.UserPoolDomain, Session: s,
	}}}
	return problem
}

func (t *translation) oidc(c *ruleConfiguration, a *lbcgatewayv1.AuthenticateOIDCActionConfig) string {
	const at = "authenticateOIDCConfig."
	s, problem := session(at, &a.AuthenticateSession)
	if problem != "" {
		return problem
	}
	problem = endpoints(at, "issuer", a.Issuer, "authorizationEndpoint", a.AuthorizationEndpoint, "tokenEndpoint",
		a.TokenEndpoint, "userInfoEndpoint", a.UserInfoEndpoint)
	if problem != "" {
		return problem
	}
	if a.Secret == nil || a.Secret.Name == "" {
		return at + "secret.name: it is required"
	}
	full := t.route.Route.Namespace + "/" + a.Secret.Name
	o := &stack.AuthenticateOIDC{
		Issuer: a.Issuer, AuthorizationEndpoint: a.AuthorizationEndpoint, TokenEndpoint: a.TokenEndpoint,
		UserInfoEndpoint: a.UserInfoEndpoint,
		Session:          s, SecretName: full,
	}
	c.guard = []intent.Action{{Type: stack.ActionAuthenticateOIDC, OIDC: o}}
	secret, err := objects.Get[*corev1.Secret](t.in.View, t.from(), objects.Ref{Kind: objects.Secret, Name: a.Secret.Name})
	switch {
	case errors.Is(err, objects.ErrAbsent):
		return fmt.Sprintf("secret [%s] not found", full)
	case err != nil: // an action without credentials stays as AWS has it
		t.member.Diagnostics = append(t.member.Diagnostics, diag.New(t.object, "spec.rules", diag.SecretUnread,
			fmt.Sprintf("cannot read secret %s, which ListenerRuleConfiguration %s names: %v; existing rules keep their "+
				"login, new ones answer 503", full, c.Name, err),
			"nothing to do if the read succeeds later; otherwise grant the controller's service account get, list and watch "+
				"on this Secret").In(diag.Login))
		c.unread = fmt.Sprintf("secret [%s] cannot be read: %v", full, err)
		return ""
	}
	id, clientSecret, missing := secretdata.Login(secret)
	if missing != "" {
		return "missing " + missing + ", secret: " + full
	}
	o.ClientID, o.ClientSecret = id, clientSecret
	if ptr.Deref(a.UseExistingClientSecret, false) {
		t.ignoredOf(diag.Object{Kind: string(objects.ListenerRuleConfiguration), Namespace: c.Namespace, Name: c.Name},
			"spec.actions", at+"useExistingClientSecret has no effect: the controller always sends the Secret", "remove it")
	}
	return ""
}

func (c *ruleConfiguration) jwt(j *lbcgatewayv1.JWTValidationActionConfig) string {
	const at = "jwtValidationConfig."
	v := &stack.ValidateJWT{JWKSEndpoint: j.JWKSEndpoint, Issuer: j.Issuer}
	if missing := required(at, "issuer", j.Issuer); missing != "" {
		return missing
	}
	if bad := endpoints(at, "jwksEndpoint", j.JWKSEndpoint); bad != "" {
		return bad
	}
	const most, mostValues = 256, 10
	for _, pair := range [][2]string{{"issuer", j.Issuer}, {"jwksEndpoint", j.JWKSEndpoint}} {
		if len(pair[1]) > most {
			return fmt.Sprintf("%s%s: it has %d characters, and AWS allows %d", at, pair[0], len(pair[1]), most)
		}
	}
	for i, claim := range j.AdditionalClaims {
		one := stack.Claim{Format: string(claim.Format), Name: claim.Name}
		for _, value := range claim.Values {
			one.Values = append(one.Values, string(value))
		}
		switch long := slices.ContainsFunc(one.Values, func(s string) bool { return len(s) > most }); {
		case !slices.Contains([]string{"single-string", "string-array", "space-separated-values"}, one.Format):
			return fmt.Sprintf("%sadditionalClaims[%d].format: unknown format %q", at, i, one.Format)
		case one.Name == "":
			return fmt.Sprintf("%sadditionalClaims[%d].name: it is required", at, i)
		case len(one.Values) == 0 || len(one.Values) > mostValues || long:
			return fmt.Sprintf("%sadditionalClaims[%d].values: 1 to %d values of at most %d characters each are needed", at, i,
				mostValues, most)
		}
		v.Claims = append(v.Claims, one)
	}
	c.guard = []intent.Action{{Type: stack.ActionValidateJWT, JWT: v}}
	return ""
}
