package migrate

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/serviceport"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// rule is the rule of an HTTPRoute for a unit.
func (b *balancer) rule(u *unit, route string, matches []gatewayv1.HTTPRouteMatch) gatewayv1.HTTPRouteRule {
	r := gatewayv1.HTTPRouteRule{Matches: matches}
	var spec configv1.ListenerRuleConfigurationSpec
	for _, a := range u.route.Authentication {
		spec.Actions = append(spec.Actions, b.authentication(a))
	}
	if len(u.route.Authentication) > 0 && slices.ContainsFunc(u.ports, func(p int) bool {
		return b.ports[p].protocol == protocolHTTP
	}) {
		b.Find(Warning, u.member.Object, u.route.Source.Path(),
			"HTTP listeners of the Ingress serve the path without a login; HTTP listeners of the Gateway answer 500",
			"redirect HTTP to HTTPS, by annotation ssl-redirect")
	}
	for _, a := range u.route.Actions {
		switch a.Type {
		case stack.ActionForward:
			r.BackendRefs = b.backends(u, route, a)
			if s := a.Stickiness; s != nil {
				c := &configv1.TargetGroupStickinessConfig{Enabled: &s.Enabled}
				if s.DurationSeconds > 0 {
					c.DurationSeconds = &s.DurationSeconds
				}
				spec.Actions = append(spec.Actions, configv1.Action{Type: configv1.ActionForward,
					ForwardConfig: &configv1.ForwardActionConfig{TargetGroupStickinessConfig: c}})
			}
		case stack.ActionRedirect:
			f, query, problem := b.redirectOf(plain(*a.Redirect), u.ports)
			if problem != "" {
				b.fail(u, problem+"; requests are answered by 500", "write the redirect into the HTTPRoute by hand")
				continue
			}
			r.Filters = append(r.Filters, gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterRequestRedirect,
				RequestRedirect: f})
			if query != "" {
				spec.Actions = append(spec.Actions, configv1.Action{Type: configv1.ActionRedirect,
					RedirectConfig: &configv1.RedirectActionConfig{Query: &query}})
			}
		case stack.ActionFixedResponse:
			spec.Actions = append(spec.Actions, fixed(*a.FixedResponse))
		case stack.ActionAuthenticateOIDC, stack.ActionAuthenticateCognito, stack.ActionValidateJWT: // in Authentication
		}
	}
	r.Filters = append(r.Filters, b.rewrites(u, matches)...)
	for _, c := range u.route.Conditions {
		if c.Field == stack.SourceIP {
			spec.Conditions = append(spec.Conditions, configv1.Condition{Field: configv1.ConditionSourceIP,
				SourceIPConfig: &configv1.SourceIPConditionConfig{Values: c.Values}})
		}
	}
	if len(u.member.tags) > 0 || len(spec.Actions)+len(spec.Conditions) > 0 {
		spec.Tags = WithOrigin(u.member.tags, u.member.Origin)
		r.Filters = append(r.Filters, gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterExtensionRef,
			ExtensionRef: &gatewayv1.LocalObjectReference{
				Group: gatewayv1.Group(configv1.GroupVersion.Group), Kind: "ListenerRuleConfiguration",
				Name: gatewayv1.ObjectName(b.ruleConfiguration(u, spec)),
			}})
	}
	return r
}

// ruleConfiguration is the name of the ListenerRuleConfiguration with a content. Rules that need the same share one.
func (b *balancer) ruleConfiguration(u *unit, spec configv1.ListenerRuleConfigurationSpec) string {
	ns, base := u.member.ingress.Namespace, u.member.ingress.Name+"-"+u.about
	for n := 1; ; n++ {
		suffix := "lr-config"
		if n > 1 {
			suffix += "-" + strconv.Itoa(n)
		}
		key := Name(ns, base, suffix)
		have, ok := b.rules[ns+"/"+key]
		if !ok {
			c := &configv1.ListenerRuleConfiguration{
				TypeMeta:   metav1.TypeMeta{APIVersion: configv1.GroupVersion.String(), Kind: "ListenerRuleConfiguration"},
				ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: key}, Spec: spec,
			}
			b.rules[ns+"/"+key] = c
			b.Add(c)
			return key
		}
		if equality.Semantic.DeepEqual(have.Spec, spec) {
			return key
		}
	}
}

// backends are the backends of a forward, whose target groups are noted for their configuration.
func (b *balancer) backends(u *unit, route string, a intent.Action) (out []gatewayv1.HTTPBackendRef) {
	for _, x := range a.Backends {
		var ref gatewayv1.HTTPBackendRef
		ref.Weight = x.Weight
		switch g := x.TargetGroup; {
		case g != nil:
			svc, ok := b.View.Service(g.ServiceNamespace, g.ServiceName)
			if !ok {
				continue // ingress has reported it
			}
			p, ok := serviceport.Find(svc, g.ServicePort)
			if !ok {
				continue
			}
			if svc.Annotations[AssumedAnnotation] != "" {
				severity, text := Warning, "Service "+g.ServiceName+" is in none of the files: its annotations are not translated"
				if p.Name == g.ServicePort {
					severity, text = Failed,
						fmt.Sprintf("Service %s is in none of the files, so the number of its port %s is unknown; the output "+
							"has %d instead", g.ServiceName, g.ServicePort, p.Port)
				}
				b.Find(severity, u.member.Object, x.Source.Path(), text,
					"also pass the file of the Service, or read from the cluster")
			}
			ref.Name, ref.Port = gatewayv1.ObjectName(g.ServiceName), ptr.To(p.Port)
			b.noteTargetGroup(u, route, g)
		default:
			ref.Kind, ref.Name = ptr.To(gatewayv1.Kind("TargetGroupName")), gatewayv1.ObjectName(x.TargetGroupName)
			if x.TargetGroupARN != "" {
				ref.Name = gatewayv1.ObjectName(nameInARN(x.TargetGroupARN))
			}
			b.Find(Warning, u.member.Object, x.Source.Path(),
				fmt.Sprintf("the controller does not own target group %q, and AWS attaches a target group to one load balancer "+
					"only",
					ref.Name),
				"create another target group for the Gateway; or, before you deploy the Gateway, move the traffic of this "+
					"target group away and remove it from the Ingress")
		}
		out = append(out, ref)
	}
	return out
}

// nameInARN is the name of a target group, or the ARN if it has none.
func nameInARN(arn string) string {
	_, rest, ok := strings.Cut(arn, "targetgroup/")
	if !ok {
		return arn
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// redirectOf is the filter of a redirect and its query; problem says what a filter cannot do.
func (b *balancer) redirectOf(r stack.Redirect, ports []int) (f *gatewayv1.HTTPRequestRedirectFilter, query,
	problem string) {
	f = &gatewayv1.HTTPRequestRedirectFilter{StatusCode: ptr.To(301)}
	if r.StatusCode == "HTTP_302" {
		f.StatusCode = ptr.To(302)
	}
	if r.Host != "" {
		if strings.Contains(r.Host, "#{") {
			return nil, "", "a route redirects to a host that is written out, not to " + r.Host
		}
		f.Hostname = ptr.To(gatewayv1.PreciseHostname(strings.ToLower(r.Host)))
	}
	if r.Protocol != "" {
		f.Scheme = ptr.To(strings.ToLower(r.Protocol))
	}
	switch {
	case r.Port != "":
		n, err := strconv.ParseInt(r.Port, 10, 32)
		if err != nil {
			return nil, "", "a route redirects to a port that is written out, not to " + r.Port
		}
		f.Port = ptr.To(gatewayv1.PortNumber(n))
	// a filter with a scheme and no port redirects to the scheme's own port, AWS to that of the listener
	case r.Protocol != "":
		if len(ports) != 1 {
			return nil, "", "a redirect to protocol " + r.Protocol + " and the port of the request needs a rule for each port"
		}
		f.Port = ptr.To(b.ports[ports[0]].number)
	}
	if r.Path != "" {
		f.Path = &gatewayv1.HTTPPathModifier{Type: gatewayv1.FullPathHTTPPathModifier, ReplaceFullPath: &r.Path}
	}
	return f, r.Query, ""
}

func fixed(r stack.FixedResponse) configv1.Action {
	c := &configv1.FixedResponseActionConfig{}
	if n, err := strconv.ParseInt(r.StatusCode, 10, 32); err == nil { // ingress admits numbers only
		c.StatusCode = int32(n)
	}
	if r.ContentType != "" {
		c.ContentType = ptr.To(configv1.ContentType(r.ContentType))
	}
	if r.MessageBody != "" {
		c.MessageBody = &r.MessageBody
	}
	return configv1.Action{Type: configv1.ActionFixedResponse, FixedResponseConfig: c}
}

func (b *balancer) authentication(a intent.Action) (out configv1.Action) {
	switch {
	case a.OIDC != nil:
		o := a.OIDC
		_, secret, _ := strings.Cut(o.SecretName, "/")
		return configv1.Action{Type: configv1.ActionAuthenticateOIDC,
			AuthenticateOIDCConfig: &configv1.AuthenticateOIDCActionConfig{
				Issuer: o.Issuer, AuthorizationEndpoint: o.AuthorizationEndpoint, TokenEndpoint: o.TokenEndpoint,
				UserInfoEndpoint: o.UserInfoEndpoint,
				Secret:           &configv1.Secret{Name: secret}, AuthenticateSession: session(o.Session),
			}}
	case a.Cognito != nil:
		c := a.Cognito
		return configv1.Action{Type: configv1.ActionAuthenticateCognito,
			AuthenticateCognitoConfig: &configv1.AuthenticateCognitoActionConfig{
				UserPoolArn: c.UserPoolARN, UserPoolClientID: c.UserPoolClientID, UserPoolDomain: c.UserPoolDomain,
				AuthenticateSession: session(c.Session),
			}}
	case a.JWT != nil:
		j := &configv1.JWTValidationActionConfig{Issuer: a.JWT.Issuer, JWKSEndpoint: a.JWT.JWKSEndpoint}
		for _, c := range a.JWT.Claims {
			claim := configv1.AdditionalClaim{Format: configv1.ClaimFormat(c.Format), Name: c.Name}
			for _, v := range c.Values {
				claim.Values = append(claim.Values, configv1.ClaimValue(v))
			}
			j.AdditionalClaims = append(j.AdditionalClaims, claim)
		}
		return configv1.Action{Type: configv1.ActionJWTValidation, JWTValidationConfig: j}
	}
	return out
}

// session writes out what differs from the defaults, which both sides have in common.
func session(s stack.Session) (out configv1.AuthenticateSession) {
	out.AuthenticationRequestExtraParams = s.ExtraParams
	if s.OnUnauthenticated != stack.DefaultOnUnauthenticated {
		out.OnUnauthenticatedRequest = ptr.To(configv1.OnUnauthenticatedRequest(s.OnUnauthenticated))
	}
	if s.Scope != stack.DefaultScope {
		out.Scope = &s.Scope
	}
	if s.Cookie != stack.DefaultSessionCookie {
		out.SessionCookieName = &s.Cookie
	}
	if s.TimeoutSeconds != stack.DefaultSessionTimeout {
		out.SessionTimeout = &s.TimeoutSeconds
	}
	return out
}

// groups are references of a replacement to parts of what was matched.
var groups = regexp.MustCompile(`\$[0-9]`)

// whole are expressions that match a whole text.
var whole = map[string]bool{".*": true, "^.*$": true, "^.*": true, "^(.*)$": true, "(.*)": true, "^/.*$": true,
	"^/.*": true, "^([^?]*)": true}

// belowPrefix is an expression that matches paths below a prefix of plain characters.
var belowPrefix = regexp.MustCompile(`^\^?(/[A-Za-z0-9/_-]+)/\(\.\*\)\$?$`)

// rewrites are the filters for the transforms of a unit. One that a filter cannot do is reported, and left out.
func (b *balancer) rewrites(u *unit, matches []gatewayv1.HTTPRouteMatch) (out []gatewayv1.HTTPRouteFilter) {
	var f gatewayv1.HTTPURLRewriteFilter
	for _, t := range u.route.Transforms {
		r := t.Rewrites[0]
		prefix := belowPrefix.FindStringSubmatch(r.Regex)
		rest, ok := strings.CutSuffix(r.Replace, "/$1")
		switch {
		case len(t.Rewrites) == 1 && t.Type == "host-header-rewrite" && whole[r.Regex] && !strings.Contains(r.Replace, "$"):
			f.Hostname = ptr.To(gatewayv1.PreciseHostname(r.Replace))
		case len(t.Rewrites) == 1 && t.Type == "url-rewrite" && whole[r.Regex] && !groups.MatchString(r.Replace):
			f.Path = &gatewayv1.HTTPPathModifier{Type: gatewayv1.FullPathHTTPPathModifier, ReplaceFullPath: ptr.To(r.Replace)}
		case len(t.Rewrites) == 1 && t.Type == "url-rewrite" && prefix != nil && ok && !strings.Contains(rest, "$") &&
			onlyPrefix(matches, prefix[1]):
			if rest == "" {
				rest = "/"
			}
			f.Path = &gatewayv1.HTTPPathModifier{Type: gatewayv1.PrefixMatchHTTPPathModifier, ReplacePrefixMatch: &rest}
		default:
			b.Find(Failed, u.member.Object, annotation.Transforms.For(u.about).Path(),
				fmt.Sprintf("a route cannot rewrite %s to %s; the output lacks the rewrite", r.Regex, r.Replace),
				"match a prefix, and replace it by ReplacePrefixMatch, or rewrite in the application")
		}
	}
	if f.Path == nil && f.Hostname == nil {
		return nil
	}
	return []gatewayv1.HTTPRouteFilter{{Type: gatewayv1.HTTPRouteFilterURLRewrite, URLRewrite: &f}}
}

// onlyPrefix reports whether all matches have one prefix.
func onlyPrefix(matches []gatewayv1.HTTPRouteMatch, prefix string) bool {
	return !slices.ContainsFunc(matches, func(m gatewayv1.HTTPRouteMatch) bool {
		return *m.Path.Type != gatewayv1.PathMatchPathPrefix || *m.Path.Value != prefix
	})
}
