package parity

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
)

// modelRule is a rule of a route.
type modelRule struct {
	matches  []modelMatch
	filters  []gatewayv1.HTTPRouteFilter
	backends []gatewayv1.BackendRef
}

// modelMatch is a match with its sort key: section 5.3.
type modelMatch struct {
	conditions         []any
	prefix             string
	path               int
	primary, secondary int
	method             bool
	headers, queries   int
	index              int
}

func httpRules(o *gatewayv1.HTTPRoute) (out []modelRule) {
	for _, r := range o.Spec.Rules {
		one := modelRule{filters: r.Filters}
		for _, b := range r.BackendRefs {
			one.backends = append(one.backends, b.BackendRef)
		}
		matches := r.Matches
		if len(matches) == 0 { // the default of the definition
			matches = []gatewayv1.HTTPRouteMatch{{}}
		}
		for i, m := range matches {
			one.matches = append(one.matches, httpMatch(m, i))
		}
		out = append(out, one)
	}
	return out
}

func condition(field, config string, content tree) tree {
	return tree{"Field": field, config: content}
}

func pathPattern(values ...any) tree {
	return condition("path-pattern", "PathPatternConfig", tree{"Values": values})
}

func httpMatch(m gatewayv1.HTTPRouteMatch, index int) modelMatch {
	kind, path := "PathPrefix", "/"
	if m.Path != nil && m.Path.Type != nil {
		kind = string(*m.Path.Type)
	}
	if m.Path != nil && m.Path.Value != nil {
		path = *m.Path.Value
	}
	out := modelMatch{primary: len(path), headers: len(m.Headers), queries: len(m.QueryParams), method: m.Method != nil,
		prefix: path, index: index}
	switch kind {
	case "Exact":
		out.path = 3
		out.conditions = append(out.conditions, pathPattern(path))
	case "PathPrefix":
		out.path = 2
		if trimmed := strings.TrimSuffix(path, "/"); trimmed == "" {
			out.conditions = append(out.conditions, pathPattern("/*"))
		} else {
			out.conditions = append(out.conditions, pathPattern(trimmed, trimmed+"/*"))
		}
	case "RegularExpression":
		out.path = 1
		out.conditions = append(out.conditions, condition("path-pattern", "PathPatternConfig",
			tree{"RegexValues": []any{path}}))
	}
	for _, h := range m.Headers {
		if h.Type != nil && *h.Type == gatewayv1.HeaderMatchRegularExpression {
			out.conditions = append(out.conditions, condition("http-header", "HttpHeaderConfig",
				tree{"HttpHeaderName": string(h.Name), "RegexValues": []any{h.Value}}))
			continue
		}
		out.conditions = append(out.conditions, headerValues(string(h.Name), h.Value))
	}
	for _, q := range m.QueryParams {
		out.conditions = append(out.conditions, condition("query-string", "QueryStringConfig",
			tree{"Values": []any{tree{"Key": string(q.Name), "Value": q.Value}}}))
	}
	if m.Method != nil {
		out.conditions = append(out.conditions, condition("http-request-method", "HttpRequestMethodConfig",
			tree{"Values": []any{string(*m.Method)}}))
	}
	return out
}

// headerValues splits a value at commas that no backslash precedes.
func headerValues(name, value string) tree {
	values := []any{}
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		switch {
		case value[i] == '\\' && i+1 < len(value):
			i++
			b.WriteByte(value[i])
		case value[i] == ',':
			values = append(values, b.String())
			b.Reset()
		default:
			b.WriteByte(value[i])
		}
	}
	return condition("http-header", "HttpHeaderConfig", tree{"HttpHeaderName": name, "Values": append(values, b.String())})
}

func grpcRules(o *gatewayv1.GRPCRoute) (out []modelRule) {
	for _, r := range o.Spec.Rules {
		one := modelRule{}
		for _, f := range r.Filters {
			one.filters = append(one.filters, gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterType(f.Type),
				ExtensionRef: f.ExtensionRef})
		}
		for _, b := range r.BackendRefs {
			one.backends = append(one.backends, b.BackendRef)
		}
		matches := r.Matches
		index := func(i int) int { return i }
		if len(matches) == 0 {
			matches, index = []gatewayv1.GRPCRouteMatch{{}}, func(int) int { return math.MaxInt }
		}
		for i, m := range matches {
			one.matches = append(one.matches, grpcMatch(m, index(i)))
		}
		out = append(out, one)
	}
	return out
}

func grpcMatch(m gatewayv1.GRPCRouteMatch, index int) modelMatch {
	out := modelMatch{headers: len(m.Headers), index: index}
	path := "/*"
	if m.Method != nil {
		service, method := "", ""
		if m.Method.Service != nil {
			service = *m.Method.Service
		}
		if m.Method.Method != nil {
			method = *m.Method.Method
		}
		out.path, out.primary, out.secondary = 3, len(service), len(method)
		if m.Method.Type != nil && *m.Method.Type == gatewayv1.GRPCMethodMatchRegularExpression {
			out.path = 1
		}
		path = "/" + cmp.Or(service, "*") + "/" + cmp.Or(method, "*")
	}
	out.conditions = append(out.conditions, pathPattern(path))
	for _, h := range m.Headers {
		out.conditions = append(out.conditions, headerValues(string(h.Name), h.Value))
	}
	return out
}

// modelUnit is a rule of the load balancer.
type modelUnit struct {
	route    *modelRoute
	rule     int
	match    *modelMatch
	hostname string
	made     tree
}

// compare is the order of section 5.3.
func (a *modelUnit) compare(b *modelUnit) int {
	yes := func(v bool) int {
		if v {
			return 0
		}
		return 1
	}
	wild := func(h string) bool { return strings.HasPrefix(h, "*.") }
	x, y := a.match, b.match
	return cmp.Or(
		yes(a.hostname != "")-yes(b.hostname != ""), yes(!wild(a.hostname))-yes(!wild(b.hostname)),
		strings.Count(b.hostname, ".")-strings.Count(a.hostname, "."), len(b.hostname)-len(a.hostname),
		y.path-x.path, y.primary-x.primary, y.secondary-x.secondary, yes(x.method)-yes(y.method), y.headers-x.headers,
		y.queries-x.queries,
		older(a.route.meta, b.route.meta), cmp.Compare(a.rule, b.rule), cmp.Compare(x.index, y.index),
		strings.Compare(a.hostname, b.hostname))
}

// rulesOf are the rules of a port with their priorities.
func (x *modelGateway) rulesOf(port int32, protocol string, attached []modelAttached) []any {
	var units []modelUnit
	for i := range attached {
		a := &attached[i]
		for j := range a.rules {
			r := &a.rules[j]
			config := x.extension(a.modelRoute, r)
			groups := x.forward(a.modelRoute, r.backends, protocol)
			hosts := a.names()
			if len(hosts) == 0 {
				hosts = []string{""}
			}
			for k := range r.matches {
				m := &r.matches[k]
				for _, h := range hosts {
					u := modelUnit{route: a.modelRoute, rule: j, match: m, hostname: h}
					var conditions []any
					if h != "" {
						conditions = append(conditions, condition("host-header", "HostHeaderConfig", tree{"Values": []any{h}}))
					}
					conditions = append(append(conditions, m.conditions...), sourceIPs(config, m.index)...)
					u.made = tree{"conditions": conditions, "actions": actions(r, config, groups, protocol),
						"transforms": transforms(r.filters, m.prefix)}
					var own any
					if config != nil {
						own = plain(x.t, config.Spec.Tags)
					}
					u.made["tags"] = own
					units = append(units, u)
				}
			}
		}
	}
	slices.SortFunc(units, func(a, b modelUnit) int { return a.compare(&b) })
	var out []any
	for i, u := range units {
		u.made["priority"] = i + 1
		u.made["tags"] = x.tags(strconv.Itoa(int(port))+":"+strconv.Itoa(i+1), u.made["tags"])
		out = append(out, u.made)
	}
	return out
}

// extension is the ListenerRuleConfiguration of a rule.
func (x *modelGateway) extension(r *modelRoute, rule *modelRule) *configv1.ListenerRuleConfiguration {
	for _, f := range rule.filters {
		if f.Type == gatewayv1.HTTPRouteFilterExtensionRef {
			return x.rules[r.meta.GetNamespace()+"/"+string(f.ExtensionRef.Name)]
		}
	}
	return nil
}

func sourceIPs(c *configv1.ListenerRuleConfiguration, index int) (out []any) {
	if c == nil {
		return nil
	}
	for _, s := range c.Spec.Conditions {
		if s.MatchIndexes != nil && !slices.Contains(*s.MatchIndexes, index) {
			continue
		}
		values := []any{}
		for _, v := range s.SourceIPConfig.Values {
			values = append(values, v)
		}
		out = append(out, condition("source-ip", "SourceIpConfig", tree{"Values": values}))
	}
	return out
}

// actions of a rule: section 5.5. They are as AWS shows them, with its defaults of a redirect.
func actions(r *modelRule, c *configv1.ListenerRuleConfiguration, forward []any, protocol string) []any {
	var out []any
	routing := fixedResponse("500", 0)
	weights := 0
	for _, g := range forward {
		weights += g.(tree)["Weight"].(int)
	}
	if weights > 0 {
		routing = tree{"Type": "forward", "ForwardConfig": tree{"TargetGroups": forward}}
	}
	query := "#{query}"
	var fixed tree
	if c != nil {
		for _, a := range c.Spec.Actions {
			switch {
			case a.AuthenticateCognitoConfig != nil:
				if protocol == "HTTPS" {
					o := a.AuthenticateCognitoConfig
					out = append(out, tree{"Type": "authenticate-cognito", "AuthenticateCognitoConfig": tree{
						"UserPoolArn": o.UserPoolArn, "UserPoolClientId": o.UserPoolClientID,
						"UserPoolDomain": o.UserPoolDomain, "Scope": "openid", "OnUnauthenticatedRequest": "authenticate",
						"SessionCookieName": "AWSELBAuthSessionCookie", "SessionTimeout": 604800}})
				}
			case a.FixedResponseConfig != nil:
				o := a.FixedResponseConfig
				content := tree{"StatusCode": strconv.Itoa(int(o.StatusCode)), "ContentType": "text/plain"}
				if o.ContentType != nil {
					content["ContentType"] = string(*o.ContentType)
				}
				if o.MessageBody != nil {
					content["MessageBody"] = *o.MessageBody
				}
				fixed = tree{"Type": "fixed-response", "FixedResponseConfig": content}
			case a.ForwardConfig != nil && a.ForwardConfig.TargetGroupStickinessConfig != nil:
				s, duration := a.ForwardConfig.TargetGroupStickinessConfig, int32(3600)
				if s.DurationSeconds != nil {
					duration = *s.DurationSeconds
				}
				if f := sub(routing, "ForwardConfig"); len(f) > 0 {
					f["TargetGroupStickinessConfig"] = tree{"Enabled": s.Enabled != nil && *s.Enabled, "DurationSeconds": duration}
				}
			case a.RedirectConfig != nil && a.RedirectConfig.Query != nil:
				query = *a.RedirectConfig.Query
			}
		}
	}
	for _, f := range r.filters {
		if f.Type == gatewayv1.HTTPRouteFilterRequestRedirect {
			routing = tree{"Type": "redirect", "RedirectConfig": redirect(f.RequestRedirect, query)}
		}
	}
	if fixed != nil {
		routing = fixed
	}
	out = append(out, routing)
	for i := range out {
		out[i].(tree)["Order"] = i + 1
	}
	return out
}

func redirect(f *gatewayv1.HTTPRequestRedirectFilter, query string) tree {
	out := tree{"Host": "#{host}", "Path": "/#{path}", "Port": "#{port}", "Protocol": "#{protocol}", "Query": query,
		"StatusCode": "HTTP_302"}
	if f.Hostname != nil {
		out["Host"] = string(*f.Hostname)
	}
	if f.Scheme != nil {
		out["Protocol"] = strings.ToUpper(*f.Scheme)
		out["Port"] = map[string]string{"http": "80", "https": "443"}[*f.Scheme]
	}
	if f.Port != nil {
		out["Port"] = strconv.Itoa(int(*f.Port))
	}
	if f.Path != nil && f.Path.ReplaceFullPath != nil {
		out["Path"] = *f.Path.ReplaceFullPath
	}
	if f.StatusCode != nil {
		out["StatusCode"] = "HTTP_" + strconv.Itoa(*f.StatusCode)
	}
	return out
}

// transforms of a rule: section 5.6.
func transforms(filters []gatewayv1.HTTPRouteFilter, prefix string) (out []any) {
	rewrite := func(kind, config, expression, replace string) {
		out = append(out, tree{"Type": kind, config: tree{"Rewrites": []any{tree{"Regex": expression, "Replace": replace}}}})
	}
	path := func(p *gatewayv1.HTTPPathModifier, full bool) {
		switch {
		case p == nil:
		case p.ReplaceFullPath != nil && full:
			rewrite("url-rewrite", "UrlRewriteConfig", `^([^?]*)`, *p.ReplaceFullPath)
		case p.ReplacePrefixMatch != nil:
			r := *p.ReplacePrefixMatch
			switch {
			case r == "":
				r = "/"
			case !strings.HasSuffix(r, "/"):
				r += "$2"
			}
			rewrite("url-rewrite", "UrlRewriteConfig", "(^"+prefix+"(/)?)", r)
		}
	}
	for _, f := range filters {
		switch {
		case f.URLRewrite != nil:
			path(f.URLRewrite.Path, true)
			if f.URLRewrite.Hostname != nil {
				rewrite("host-header-rewrite", "HostHeaderRewriteConfig", ".*", string(*f.URLRewrite.Hostname))
			}
		case f.RequestRedirect != nil:
			path(f.RequestRedirect.Path, false)
		}
	}
	return out
}
