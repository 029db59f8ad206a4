package compile_test

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
)

const (
	all  = "a.example.com Prefix / web:80"
	more = "a.example.com Prefix /api api:80"
)

func group(name string) notes { return notes{"group.name": name} }

func and(n notes, more notes) notes {
	out := notes{}
	for _, m := range []notes{n, more} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// params are a class "team" with parameters.
func params(spec v1beta1.IngressClassParamsSpec) []any {
	apiGroup := "elbv2.k8s.aws"
	return []any{
		&networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "team"}, Spec: networkingv1.IngressClassSpec{
			Controller: "ingress.k8s.aws/alb", Parameters: &networkingv1.IngressClassParametersReference{APIGroup: &apiGroup,
				Kind: "IngressClassParams", Name: "team"}}},
		&v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "team"}, Spec: spec},
	}
}

// backend sets the default backend.
func backend(service string) func(*networkingv1.Ingress) {
	return func(i *networkingv1.Ingress) {
		i.Spec.DefaultBackend = &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
			Name: service, Port: networkingv1.ServiceBackendPort{Number: 80}}}
	}
}

// renamed gives a class and its parameters another name.
func renamed(name string, class []any) []any {
	c, p := class[0].(*networkingv1.IngressClass), class[1].(*v1beta1.IngressClassParams)
	c.Name, c.Spec.Parameters.Name, p.Name = name, name, name
	return class
}

func ofTeam(i *networkingv1.Ingress) { class := "team"; i.Spec.IngressClassName = &class }

func groupBehaviours() []behaviour {
	return []behaviour{
		{"a group's name has lower-case letters, digits, - and dots", []any{ing("x", group("aaaa-.cc-c.c"), all)}, "",
			[]string{"stack ingress.k8s.aws:aaaa-.cc-c.c"}, []string{"finding"}},
		{"a group's name has no capitals", []any{ing("x", group("GROUP"), all)}, "", nil, []string{"stack"}},
		{"a group's name does not begin with a dash", []any{ing("x", group("-abc"), all)}, "", nil, []string{"stack"}},
		{"a group's name has 63 characters at most", []any{ing("x", group(strings.Repeat("a", 64)), all)}, "", nil,
			[]string{"stack"}},
		{"the group of the class beats the annotation's",
			append(params(v1beta1.IngressClassParamsSpec{Group: &v1beta1.IngressGroup{Name: "ofclass"}}),
				with(ing("x", group("mine"), all), ofTeam)), "",
			[]string{"stack ingress.k8s.aws:ofclass"}, []string{"ingress.k8s.aws:mine"}},
		{"without a name the group is namespace and name", []any{ing("x", nil, all)}, "",
			[]string{"stack ingress.k8s.aws:shop/x"}, nil},
		{"members go by order, then by namespace and name", []any{
			ing("b", and(group("g"), notes{"group.order": "1"}), "b Exact /b web:80"), ing("a", group("g"), "a Exact /a web:80"),
			ing("z", and(group("g"), notes{"group.order": "-5"}), "z Exact /z web:80")}, "",
			[]string{"80:1 host-header=z ", "80:2 host-header=a ", "80:3 host-header=b "}, []string{"finding"}},
		{"an order that is no number costs only its member", []any{ing("b", and(group("g"), notes{"group.order": "ten"}),
			"b Exact /b web:80"), ing("a", group("g"), "a Exact /a web:80")}, "",
			[]string{"finding Ingress shop/b invalid", "host-header=a path-pattern=/a → forward"},
			[]string{"path-pattern=/b → forward"}},
	}
}

func routingBehaviours() []behaviour {
	fixed := func(code string) string {
		return `{"type":"fixed-response","fixedResponseConfig":{"statusCode":"` + code + `","contentType":"text/plain"}}`
	}
	redirect := func(config string) string { return `{"type":"redirect","redirectConfig":{` + config + `}}` }
	one := func(n notes, paths ...string) []any { return []any{ing("x", n, paths...)} }
	return []behaviour{
		{"a prefix / is every path", one(nil, all), "", []string{"path-pattern=/* → forward"}, nil},
		{"a prefix is the path and all below, with and without a slash at its end", one(nil, "a Prefix /abc web:80",
			"b Prefix /abc/ web:80"), "", []string{"host-header=a path-pattern=/abc,/abc/* →",
			"host-header=b path-pattern=/abc,/abc/* →"}, nil},
		{"an exact path is kept", one(nil, "a Exact /abc/ web:80"), "", []string{"path-pattern=/abc/ →"}, nil},
		{"an exact path has no wildcards", one(nil, "a Exact /a*c web:80"), "", []string{"shouldn't contain wildcards"},
			[]string{"path-pattern=/a*c →"}},
		{"a prefix has no wildcards", one(nil, "a Prefix /a?c web:80"), "", []string{"shouldn't contain wildcards"}, nil},
		{"a path of the implementation's kind is taken as it is", one(nil, "a ImplementationSpecific /a*/?x web:80"), "",
			[]string{"path-pattern=/a*/?x →"}, []string{"finding"}},
		{"a path without kind is taken as it is",
			[]any{with(ing("x", nil, "a Prefix /a*/?x web:80"), func(i *networkingv1.Ingress) {
				i.Spec.Rules[0].HTTP.Paths[0].PathType = nil
			})}, "", []string{"path-pattern=/a*/?x →"}, []string{"finding"}},
		{"with use-regex-path-match it is a slash and a regular expression", one(notes{"use-regex-path-match": "true"},
			"a ImplementationSpecific /^/api/.+$ web:80"), "", []string{"path-pattern=~^/api/.+$ →"}, []string{"finding"}},
		{"use-regex-path-match that is neither true nor false counts as false", one(notes{"use-regex-path-match": "on"},
			"a ImplementationSpecific /^/api/.+$ web:80"), "",
			[]string{"path \"/^/api/.+$\" has a character that AWS does not allow", "finding Ingress shop/x note: \"on\" is " +
				"neither true nor false"}, nil},
		{"a path of another kind is refused", one(nil, "a Glob /x web:80"), "", []string{"unknown pathType for path /x"},
			nil},
		{"exact paths come first, then prefixes from long to short, then others as written",
			one(nil, "a ImplementationSpecific /i web:80", "a Prefix /p web:80", "a Prefix /p/long web:80", "a Exact /e web:80",
				"a ImplementationSpecific /h web:80"), "",
			[]string{"80:1 host-header=a path-pattern=/e ", "80:2 host-header=a path-pattern=/p/long,",
				"80:3 host-header=a path-pattern=/p,", "80:4 host-header=a path-pattern=/i ",
				"80:5 host-header=a path-pattern=/h "}, nil},
		{"a rule's host and a condition's become one condition",
			one(notes{"conditions.web": `[{"field":"host-header","hostHeaderConfig":{"values":["b.example.com"]}}]`}, all), "",
			[]string{"host-header=a.example.com,b.example.com path"}, []string{"finding"}},
		{"a host that is a value and one that is a regular expression do not mix",
			one(notes{"conditions.web": `[{"field":"host-header","hostHeaderConfig":{"regexValues":["^b"]}}]`}, all), "",
			[]string{"must specify exactly one of"}, nil},
		{"a rule's path and a condition's become one condition",
			one(notes{"conditions.web": `[{"field":"path-pattern","pathPatternConfig":{"values":["/more"]}}]`},
				"a Exact /e web:80"), "", []string{"path-pattern=/e,/more →"}, []string{"finding"}},
		{"a path that is a value and one that is a regular expression do not mix",
			one(notes{"conditions.web": `[{"field":"path-pattern","pathPatternConfig":{"regexValues":["^/b"]}}]`},
				"a Exact /e web:80"), "", []string{"path condition must specify exactly one of Values and RegexValues"},
			[]string{"→ forward"}},
		{"a condition has values or regular expressions",
			one(notes{"conditions.web": `[{"field":"http-header","httpHeaderConfig":{"httpHeaderName":"X"}}]`}, all), "",
			[]string{"values or regexValues must be specified"}, nil},
		{"a condition does not have both",
			one(notes{
				"conditions.web": `[{"field":"http-header","httpHeaderConfig":{"httpHeaderName":"X","values":["a"],"regexValues":["b"]}}]`}, all), "", []string{"precisely one of values and regexValues can be specified"}, nil},
		{"names in JSON may begin with a capital",
			one(notes{"actions.go": `{"Type":"redirect","RedirectConfig":{"Host":"h.example.com","StatusCode":"HTTP_302"}}`,
				"conditions.go": `[{"Field":"http-request-method","HttpRequestMethodConfig":{"Values":["GET"]}}]`},
				"a Prefix / go:use-annotation"), "",
			[]string{" http-request-method=GET host-header=a path-pattern=/* → redirect ://h.example.com:? HTTP_302"},
			[]string{"finding"}},
		{"a redirect to itself is dropped", one(notes{"actions.go": redirect(`"statusCode":"HTTP_301"`)},
			"a Prefix / go:use-annotation"), "", nil, []string{"→ redirect"}},
		{"a redirect to another port is kept", one(notes{"actions.go": redirect(`"port":"8080","statusCode":"HTTP_301"`)},
			"a Prefix / go:use-annotation"), "", []string{"→ redirect"}, nil},
		{"a redirect to another path is kept", one(notes{"actions.go": redirect(`"path":"/new","statusCode":"HTTP_301"`)},
			"a Prefix / go:use-annotation"), "", []string{"→ redirect"}, nil},
		{"a redirect to another query alone is refused, as AWS does",
			one(notes{"actions.go": redirect(`"query":"a=b","statusCode":"HTTP_301"`)}, "a Prefix / go:use-annotation"), "",
			[]string{"finding Ingress shop/x invalid: a redirect changes neither protocol, port, host nor path"},
			[]string{"→ redirect"}},
		{"what a kept redirect covers is dropped",
			one(notes{"actions.go": redirect(`"host":"b","statusCode":"HTTP_301"`)}, "a ImplementationSpecific /* "+
				"go:use-annotation", "a ImplementationSpecific /x web:80"), "", []string{"→ redirect"},
			[]string{"path-pattern=/x"}},
		{"a forward hides nothing", one(nil, "a ImplementationSpecific /* web:80", "a ImplementationSpecific /x web:80"),
			"", []string{"path-pattern=/x"}, nil},
		{"a fixed response hides nothing", one(notes{"actions.no": fixed("404")}, "a ImplementationSpecific /* "+
			"no:use-annotation", "a ImplementationSpecific /x web:80"), "", []string{"path-pattern=/x"}, nil},
		{"a redirect of every path by regular expression does not hide another",
			one(notes{"use-regex-path-match": "true", "actions.go": redirect(`"host":"b","statusCode":"HTTP_301"`)},
				"a ImplementationSpecific /.* go:use-annotation", "a ImplementationSpecific /^/x$ web:80"), "",
			[]string{"→ redirect", "path-pattern=~^/x$ →"}, nil},
		{"a redirect by regular expression hides the same one",
			one(notes{"use-regex-path-match": "true", "actions.go": redirect(`"host":"b","statusCode":"HTTP_301"`)},
				"a ImplementationSpecific /^/x$ go:use-annotation", "a ImplementationSpecific /^/x$ web:80"), "",
			[]string{"path-pattern=~^/x$ → redirect"}, []string{"→ forward"}},
		{"a redirect of one path does not hide a regular expression of the same text",
			one(notes{"use-regex-path-match": "true", "actions.go": redirect(`"host":"b","statusCode":"HTTP_301"`)},
				"a Exact /x go:use-annotation", "a ImplementationSpecific //x web:80"), "", []string{"path-pattern=/x → redirect",
				"path-pattern=~/x → forward"}, nil},
		{"a redirect of one method does not hide the others",
			one(notes{"actions.go": redirect(`"host":"b","statusCode":"HTTP_301"`),
				"conditions.go": `[{"field":"http-request-method","httpRequestMethodConfig":{"values":["GET"]}}]`},
				"a ImplementationSpecific /* go:use-annotation", "a ImplementationSpecific /x web:80"), "",
			[]string{"→ redirect", "path-pattern=/x"}, nil},
		{"a redirect of one host does not hide a rule without host",
			one(notes{"actions.go": redirect(`"host":"b","statusCode":"HTTP_301"`)}, "a ImplementationSpecific /* "+
				"go:use-annotation", "- ImplementationSpecific /x web:80"), "", []string{"→ redirect", "path-pattern=/x"}, nil},
		{"a missing Service answers 503", one(nil, "a Prefix / gone:80"), "",
			[]string{"fixed-response 503 Backend service does not exist"}, nil},
		{"a missing action answers 503", one(nil, "a Prefix / gone:use-annotation"), "",
			[]string{"fixed-response 503 Backend action does not exist"}, nil},
		{"a backend that is a resource is refused",
			[]any{with(ing("x", nil, all), func(i *networkingv1.Ingress) {
				i.Spec.Rules[0].HTTP.Paths[0].Backend.Service = nil
			})}, "", []string{"finding"}, []string{"→ forward"}},
		{"a Service's port may be a text or a number",
			one(notes{
				"actions.t": `{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"web","servicePort":"80"}]}}`,
				"actions.n": `{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"web","servicePort":80}]}}`},
				"a Exact /t t:use-annotation", "a Exact /n n:use-annotation"), "",
			[]string{"path-pattern=/t → forward shop/x-web:80", "path-pattern=/n → forward shop/x-web:80"}, []string{"finding"}},
		{"a forward in short names a target group",
			one(notes{
				"actions.arn": `{"type":"forward","targetGroupARN":"arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/mine/0123456789abcdef"}`}, "a Exact /t arn:use-annotation"), "",
			[]string{"→ forward arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/mine/0123456789abcdef"},
			[]string{"finding"}},
		{"a forward to several groups cannot have weights without the gate",
			one(notes{
				"actions.t": `{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"web","servicePort":80,"weight":1},{"serviceName":"api","servicePort":80,"weight":1}]}}`}, "a Exact /t t:use-annotation"),
			`{"Gates":{"WeightedTargetGroups":false}}`, []string{"weighted target groups feature is disabled"},
			[]string{"→ forward"}},
		{"a forward by name is to the group of that name",
			one(notes{"actions.named": `{"type":"forward","targetGroupName":"nobody"}`}, "a Exact /t named:use-annotation"), "",
			[]string{"target group "}, []string{"→ forward"}},
		{"transforms are those of the rule",
			one(notes{
				"transforms.web": `[{"type":"url-rewrite","urlRewriteConfig":{"rewrites":[{"regex":"^/a/(.*)","replace":"/$1"}]}},{"type":"host-header-rewrite","hostHeaderRewriteConfig":{"rewrites":[{"regex":"^a","replace":"b"}]}}]`}, all), "",
			[]string{"→ forward shop/x-web:80 url-rewrite [{^/a/(.*) /$1}] host-header-rewrite [{^a b}]"}, []string{"finding"}},
		{"a transform of unknown kind is refused", one(notes{"transforms.web": `[{"type":"path-rewrite"}]`}, all), "",
			[]string{"unknown transform type"}, nil},
		{"a transform needs its object", one(notes{"transforms.web": `[{"type":"url-rewrite"}]`}, all), "",
			[]string{"finding", "transforms.web"}, nil},
		{"a token's validation needs its endpoint", one(notes{"jwt-validation": `{"issuer":"https://example.com"}`,
			"listen-ports": `[{"HTTPS":443}]`}, all), "", []string{"finding", "jwt-validation"}, []string{"→ forward"}},
		{"a token's validation needs its issuer",
			one(notes{"jwt-validation": `{"jwksEndpoint":"https://example.com/jwks"}`, "certificate-arn": arn1}, all), "",
			[]string{"issuer is missing"}, []string{"→ forward"}},
		{"a token's validation is an object", one(notes{"jwt-validation": `{`, "certificate-arn": arn1}, all), "",
			[]string{"alb.ingress.kubernetes.io/jwt-validation: "}, []string{"→ forward"}},
		{"a claim has a format",
			one(notes{
				"jwt-validation": `{"jwksEndpoint":"https://example.com/jwks","issuer":"i","additionalClaims":[{"name":"n","values":["v"]}]}`, "certificate-arn": arn1}, all), "", []string{"has no format"}, []string{"→ forward"}},
		{"a claim has a name",
			one(notes{
				"jwt-validation": `{"jwksEndpoint":"https://example.com/jwks","issuer":"i","additionalClaims":[{"format":"single-string","values":["v"]}]}`, "certificate-arn": arn1}, all), "", []string{"a claim of additionalClaims has no name"}, []string{"→ forward"}},
		{"a claim has values",
			one(notes{
				"jwt-validation": `{"jwksEndpoint":"https://example.com/jwks","issuer":"i","additionalClaims":[{"format":"single-string","name":"n"}]}`, "certificate-arn": arn1}, all), "", []string{"has no values"}, []string{"→ forward"}},
		{"one port is a target group for each way to write it, whose tag has it as written",
			one(nil, "a Exact /n web:80", "a Exact /m web:http", "a Exact /o web:80"), "",
			[]string{"path-pattern=/n → forward shop/x-web:80", "path-pattern=/m → forward shop/x-web:http",
				"path-pattern=/o → forward shop/x-web:80"}, nil},
		{"without default backend a listener answers 404", one(nil, all), "",
			[]string{"listener HTTP 80 → fixed-response 404"}, nil},
		{"of two default backends the first is taken, and the second told",
			[]any{with(ing("a", group("g"), all), backend("web")), with(ing("b", group("g"), more), backend("api"))}, "",
			[]string{"listener HTTP 80 → forward shop/a-web:80", "finding Ingress shop/b conflict: default " +
				"backend of port 80"}, nil},
	}
}

func listenerBehaviours() []behaviour {
	secure := notes{"certificate-arn": arn1}
	two := func(a, b notes) []any {
		return []any{ing("a", and(group("g"), a), "a Prefix / web:80"), ing("b", and(group("g"), b), "b Prefix / web:80")}
	}
	mutual := func(v string) []any { return []any{ing("x", and(secure, notes{"mutual-authentication": v}), all)} }
	return []behaviour{
		{"without listen-ports it is HTTP 80", []any{ing("x", nil, all)}, "", []string{"listener HTTP 80"},
			[]string{"listener HTTPS"}},
		{"with a certificate it is HTTPS 443", []any{ing("x", secure, all)}, "", []string{"listener HTTPS 443"},
			[]string{"listener HTTP 80"}},
		{"listen-ports without a port is refused", []any{ing("x", notes{"listen-ports": "[{}]"}, all)}, "",
			[]string{"empty listen-ports configuration: `[{}]`"}, []string{"\nbalancer "}},
		{"listen-ports without an object is refused", []any{ing("x", notes{"listen-ports": "[null]"}, all)}, "",
			[]string{"empty listen-ports configuration: `[null]`"}, []string{"\nbalancer "}},
		{"the certificates of the class beat the annotation's",
			append(params(v1beta1.IngressClassParamsSpec{CertificateArn: []string{arn2}}), with(ing("x", secure, all), ofTeam)),
			"", []string{arn2}, []string{arn1}},
		{"certificates of members are joined, each once, the first member's first",
			two(secure, notes{"certificate-arn": arn2 + "," + arn1}), "", []string{"certificates [" + arn1 + " " + arn2 + " "},
			[]string{"finding"}},
		{"a redirect to a port without listener is told", []any{ing("x", and(both, notes{"ssl-redirect": "8443"}), all)},
			"", []string{"listener does not exist for SSLRedirect port"}, nil},
		{"a redirect to HTTP is told", []any{ing("x", and(both, notes{"ssl-redirect": "80"}), all)}, "",
			[]string{"listener protocol non-SSL"}, nil},
		{"two ports to redirect to conflict", two(and(both, notes{"ssl-redirect": "443"}),
			and(both, notes{"ssl-redirect": "8443"})), "", []string{"SSL redirect port"}, nil},
		{"the port of the class beats the annotation's",
			append(params(v1beta1.IngressClassParamsSpec{SSLRedirectPort: "443"}),
				with(ing("x", and(both, notes{"ssl-redirect": "8443"}), all), ofTeam)), "",
			[]string{"listener HTTP 80 → redirect HTTPS://:443? HTTP_301", "team overrides it"}, nil},
		{"with ssl-redirect HTTP listeners do nothing else",
			[]any{ing("x", and(both, notes{"ssl-redirect": "443"}), all)}, "", []string{"listener HTTP 80 → redirect HTTPS://",
				"HTTP_301", "443:1 "}, []string{"80:1 "}},
		{"members disagree on the policy", two(and(secure, notes{"ssl-policy": "p1"}),
			and(secure, notes{"ssl-policy": "p2"})), "", []string{"ssl policy of port 443"}, nil},
		{"members disagree on the protocol", two(notes{"listen-ports": `[{"HTTP":8443}]`},
			and(secure, notes{"listen-ports": `[{"HTTPS":8443}]`})), "", []string{"protocol of port 8443: "}, nil},
		{"members disagree on addresses", two(notes{"inbound-cidrs": "10.0.0.0/8"}, notes{"inbound-cidrs": "11.0.0.0/8"}),
			"", []string{"inbound CIDRs of port 80"}, nil},
		{"members disagree on prefix lists", two(notes{"security-group-prefix-lists": "pl-1"},
			notes{"security-group-prefix-lists": "pl-2"}), "", []string{"prefix lists"}, nil},
		{"attributes of a listener are joined", two(notes{"listener-attributes.HTTP-80": "a=1"},
			notes{"listener-attributes.HTTP-80": "b=2"}), "", []string{"attributes map[a:1 b:2]"}, []string{"Conflict"}},
		{"an attribute of a listener with two values is told", two(notes{"listener-attributes.HTTP-80": "a=1"},
			notes{"listener-attributes.HTTP-80": "a=2"}), "", []string{"listener attribute"}, nil},
		{"unless the class says which",
			append(
				params(v1beta1.IngressClassParamsSpec{
					Listeners: []v1beta1.Listener{{Protocol: "HTTP", Port: 80, ListenerAttributes: []v1beta1.Attribute{
						{Key: "a", Value: "9"}}}}}),
				with(ing("x", and(group("g"), notes{"listener-attributes.HTTP-80": "a=1"}), "a Prefix / web:80"), ofTeam),
				with(ing("y", and(group("g"), notes{"listener-attributes.HTTP-80": "a=2"}), "b Prefix / web:80"), ofTeam)), "",
			[]string{"attributes map[a:9]", "team overrides it"}, []string{"Conflict"}},
		{"the class's entry for the protocol and port counts, the first of them",
			append(params(v1beta1.IngressClassParamsSpec{Listeners: []v1beta1.Listener{
				{Protocol: "HTTP", Port: 81, ListenerAttributes: []v1beta1.Attribute{{Key: "a", Value: "port"}}},
				{Protocol: "HTTPS", Port: 80, ListenerAttributes: []v1beta1.Attribute{{Key: "a", Value: "protocol"}}},
				{Protocol: "HTTP", Port: 80, ListenerAttributes: []v1beta1.Attribute{{Key: "a", Value: "first"}}},
				{Protocol: "HTTP", Port: 80, ListenerAttributes: []v1beta1.Attribute{{Key: "b", Value: "second"}}}}}),
				with(ing("x", nil, all), ofTeam)), "", []string{"attributes map[a:first]"}, nil},
		{"what is done with client certificates must be said", mutual(`[{"port":443}]`), "",
			[]string{"finding", "mutual-authentication"}, nil},
		{"only three things are done with client certificates", mutual(`[{"port":443,"mode":"maybe"}]`), "",
			[]string{"finding", "mutual-authentication"}, nil},
		{"verifying needs a trust store", mutual(`[{"port":443,"mode":"verify"}]`), "",
			[]string{"finding", "mutual-authentication"}, nil},
		{"a trust store is for verifying only", mutual(`[{"port":443,"mode":"off","trustStore":"ca"}]`), "",
			[]string{"finding", "mutual-authentication"}, nil},
		{"expired certificates are ignored when verifying only",
			mutual(`[{"port":443,"mode":"passthrough","ignoreClientCertificateExpiry":true}]`), "",
			[]string{"Mutual Authentication mode passthrough does not support"}, nil},
		{"names are advertised when verifying only",
			mutual(`[{"port":443,"mode":"off","advertiseTrustStoreCaNames":"on"}]`), "",
			[]string{"Mutual Authentication mode off does not support"}, nil},
		{"names are advertised or not",
			mutual(
				`[{"port":443,"mode":"verify","trustStore":"arn:aws:elasticloadbalancing:us-west-2:123456789012:truststore/ca/0123456789abcdef","advertiseTrustStoreCaNames":"yes"}]`), "", []string{"finding", "mutual-authentication"}, nil},
		{"a port ends at 65535", mutual(`[{"port":65536,"mode":"off"}]`), "",
			[]string{"finding", "mutual-authentication"}, nil},
		{"a host without certificate is told",
			[]any{ing("x", notes{"listen-ports": `[{"HTTPS":443}]`}, "nobody.example.net Prefix / web:80")}, "",
			[]string{"no certificate found for host"}, nil},
	}
}

func networkBehaviours() []behaviour {
	tagged := with(offer("tagged", port("", intstr.FromInt32(8080), 30140)), func(s *corev1.Service) {
		s.Annotations = map[string]string{"alb.ingress.kubernetes.io/tags": "k=service"}
	})
	two := func(a, b notes) []any {
		return []any{ing("a", and(group("g"), a), "a Prefix / web:80"), ing("b", and(group("g"), b), "b Prefix / web:80")}
	}
	one := func(n notes, paths ...string) []any { return []any{ing("x", n, paths...)} }
	return []behaviour{
		{"a name of 33 characters is refused", one(notes{"load-balancer-name": strings.Repeat("n", 33)}, all), "",
			[]string{"finding", "load-balancer-name"}, nil},
		{"two names in a group conflict", two(notes{"load-balancer-name": "n1"}, notes{"load-balancer-name": "n2"}), "",
			[]string{"load balancer name"}, nil},
		{"the name of the class beats the annotation's",
			append(params(v1beta1.IngressClassParamsSpec{LoadBalancerName: "ofclass"}),
				with(ing("x", notes{"load-balancer-name": "mine"}, all), ofTeam)), "",
			[]string{"balancer ofclass ", "team overrides it"}, []string{"mine"}},
		{"two subnets of one zone are refused", one(notes{"subnets": "subnet-0a,subnet-0a"}, all), "",
			[]string{"finding"}, nil},
		{"two subnets of one zone are refused, by name as well", one(notes{"subnets": "subnet-0a,fx-private-a"}, all), "",
			[]string{"multiple subnets in same Availability Zone us-west-2a"}, []string{"\nbalancer "}},
		{"a name cannot be used more often than there are subnets",
			one(notes{"subnets": "fx-private-a,fx-private-a,fx-private-b"}, all), "", []string{"is listed 2 times but only 1"},
			[]string{"\nbalancer "}},
		{"a name that no subnet has is told", one(notes{"subnets": "nosuch-name,subnet-0a"}, all), "",
			[]string{"finding", "nosuch-name"}, nil},
		{"one subnet is too few", one(notes{"subnets": "subnet-0a"}, all), "",
			[]string{"the load balancer needs subnets in two availability zones, and only 1 of its subnets can be used"}, nil},
		{"subnets of the class and of the annotation",
			append(
				params(v1beta1.IngressClassParamsSpec{Subnets: &v1beta1.SubnetSelector{
					IDs: []v1beta1.SubnetID{"subnet-0a", "subnet-0b"}}}), with(ing("x", notes{"subnets": "subnet-0c,subnet-0d"}, all),
					ofTeam)), "",
			[]string{"{subnet-0a    } {subnet-0b    }"}, []string{"{subnet-0c    }"}},
		{"subnets of two classes conflict",
			append(
				append(
					params(v1beta1.IngressClassParamsSpec{Subnets: &v1beta1.SubnetSelector{
						IDs: []v1beta1.SubnetID{"subnet-0a", "subnet-0b"}}}), renamed("other",
						params(v1beta1.IngressClassParamsSpec{Subnets: &v1beta1.SubnetSelector{
							IDs: []v1beta1.SubnetID{"subnet-0c", "subnet-0d"}}}))...),
				with(ing("a", group("g"), "a Prefix / web:80"), ofTeam), with(ing("b", group("g"), "b Prefix / web:80"),
					func(i *networkingv1.Ingress) { class := "other"; i.Spec.IngressClassName = &class })), "",
			[]string{"finding Ingress shop/b conflict: subnets", "{subnet-0a    } {subnet-0b    }"}, nil},
		{"subnets of one member's class and of another's annotation conflict",
			append(
				params(v1beta1.IngressClassParamsSpec{Subnets: &v1beta1.SubnetSelector{
					IDs: []v1beta1.SubnetID{"subnet-0a", "subnet-0b"}}}),
				with(ing("a", group("g"), "a Prefix / web:80"), ofTeam),
				ing("b", and(group("g"), notes{"subnets": "subnet-0c,subnet-0d"}), "b Prefix / web:80")), "",
			[]string{"subnets", "{subnet-0a    } {subnet-0b    }"}, nil},
		{"rules of targets are not managed without the backend group",
			one(notes{"security-groups": "sg-0a", "manage-backend-security-group-rules": "true"}, all),
			`{"EnableBackendSecurityGroup":false}`, []string{"finding", "backend"}, nil},
		{"a Service of IPv6 needs a balancer of both families", []any{ing("x", nil, "a Prefix / six:80"),
			with(offer("six", port("", intstr.FromInt32(8080), 30120)), func(s *corev1.Service) {
				s.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv6Protocol}
			})}, "", []string{"unsupported IPv6 configuration, lb not dual-stack"}, []string{"→ forward"}},
		{"a Service of both families needs one, too", []any{ing("x", nil, "a Prefix / two:80"),
			with(offer("two", port("", intstr.FromInt32(8080), 30150)), func(s *corev1.Service) {
				s.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}
			})}, "", []string{"unsupported IPv6 configuration, lb not dual-stack"}, []string{"→ forward"}},
		{"without addresses everyone of both families comes in", one(notes{"ip-address-type": "dualstack"}, all), "",
			[]string{"admit 80-80 0.0.0.0/0", "admit 80-80 ::/0"}, nil},
		{"a prefix list alone keeps others out", one(notes{"security-group-prefix-lists": "pl-1"}, all), "",
			[]string{"admit 80-80 pl-1"}, []string{"0.0.0.0/0"}},
		{"prefix lists of the class, as they are written now",
			append(params(v1beta1.IngressClassParamsSpec{PrefixListsIDs: []string{"pl-9"}}), with(ing("x", nil, all), ofTeam)),
			"", []string{"admit 80-80 pl-9"}, []string{"0.0.0.0/0"}},
		{"prefix lists of the class, as they were written before",
			append(params(v1beta1.IngressClassParamsSpec{PrefixListsIDsLegacy: []string{"pl-8"}}),
				with(ing("x", nil, all), ofTeam)), "", []string{"admit 80-80 pl-8"}, []string{"0.0.0.0/0"}},
		{"of both spellings the new one counts",
			append(params(v1beta1.IngressClassParamsSpec{PrefixListsIDs: []string{"pl-9"}, PrefixListsIDsLegacy: []string{
				"pl-8"}}), with(ing("x", nil, all), ofTeam)), "", []string{"admit 80-80 pl-9"}, []string{"pl-8"}},
		{"an empty customer-owned pool is refused", one(notes{"customer-owned-ipv4-pool": ""}, all), "",
			[]string{"finding", "customer-owned-ipv4-pool"}, nil},
		{"two customer-owned pools conflict", two(notes{"customer-owned-ipv4-pool": "ipv4pool-coip-1"},
			notes{"customer-owned-ipv4-pool": "ipv4pool-coip-2"}), "", []string{"conflict", "customer-owned"}, nil},
		{"a tag with two values conflicts", two(notes{"tags": "k=1"}, notes{"tags": "k=2"}), "",
			[]string{"tag k"}, nil},
		{"a tag of somebody else is refused, and the Ingress named", one(notes{"tags": "k=1"}, all),
			`{"ExternalManagedTags":["k"]}`, []string{"finding Ingress shop/x"}, nil},
		{"default tags win", one(notes{"tags": "k=mine"}, all), `{"DefaultTags":{"k":"default"}}`, []string{"k:default"},
			[]string{"k:mine"}},
		{"default tags give way behind the gate", one(notes{"tags": "k=mine"}, all),
			`{"DefaultTags":{"k":"default"},"Gates":{"EnableDefaultTagsLowPriority":true}}`, []string{"k:mine"},
			[]string{"k:default"}},
		{"a Service's tags beat the Ingress's on its target group",
			[]any{ing("x", notes{"tags": "k=ingress,l=ingress"}, "a Prefix / tagged:80"), tagged}, "",
			[]string{"k:service l:ingress]"}, nil},
		{"tags of the class beat both",
			append(params(v1beta1.IngressClassParamsSpec{Tags: []v1beta1.Tag{{Key: "k", Value: "class"}}}),
				with(ing("x", notes{"tags": "k=ingress"}, "a Prefix / tagged:80"), ofTeam), tagged), "", []string{"k:class"},
			[]string{"k:service", "k:ingress"}},
		{"instances listen on the node port", one(notes{"target-type": "instance"}, all), "",
			[]string{"group shop/x-web:80 instance HTTP:30080"}, nil},
		{"pods listen on the target port", one(nil, all), "", []string{"group shop/x-web:80 ip HTTP:8080"}, nil},
		{"a named target port is 1", one(nil, "a Prefix / named:80"), "", []string{"group shop/x-named:80 ip HTTP:1 "},
			nil},
		{"instances have no control port", one(notes{"target-type": "instance", "target-control-port.web.80": "3000"},
			all), "", []string{"finding", "target control port"}, nil},
		{"a check is / and 200", one(nil, all), "", []string{"check HTTP traffic-port / 200 15/5 2/2"}, nil},
		{"a check of gRPC has its own path and code",
			one(notes{"backend-protocol-version": "GRPC", "certificate-arn": arn1}, all), "",
			[]string{"check HTTP traffic-port /AWS.ALB/healthcheck 12"}, nil},
		{"a check speaks what the targets speak", one(notes{"backend-protocol": "HTTPS"}, all), "",
			[]string{"HTTPS:8080 HTTP1 control 0 check HTTPS traffic-port"}, []string{"finding"}},
		{"a check speaks what it is told to", one(notes{"backend-protocol": "HTTPS", "healthcheck-protocol": "HTTP"},
			all), "", []string{"HTTPS:8080 HTTP1 control 0 check HTTP traffic-port"}, []string{"finding"}},
		{"a check's port that is nothing is refused", one(notes{"healthcheck-port": "nosuch"}, all), "",
			[]string{"finding", "healthcheck-port"}, nil},
		{"a check's port by name is the node port of instances",
			one(notes{"target-type": "instance", "healthcheck-port": "http"}, all), "", []string{"check HTTP 30080 "}, nil},
		{"a check's port by name is the target port of pods", one(notes{"healthcheck-port": "http"}, all), "",
			[]string{"check HTTP 8080 "}, nil},
		{"attributes that do not parse are refused", one(notes{"target-group-attributes": "k1=v1, malformed"}, all), "",
			[]string{"finding", "target-group-attributes"}, nil},
		{"a target group is shared among clusters if the Ingress says so",
			one(notes{"multi-cluster-target-group": "true"}, all), "", []string{"shared true"}, nil},
		{"a target group is shared among clusters if the Service says so",
			[]any{ing("x", notes{"multi-cluster-target-group": "false"}, "a Prefix / shared:80"),
				with(offer("shared", port("", intstr.FromInt32(8080), 30130)), func(s *corev1.Service) {
					s.Annotations = map[string]string{"alb.ingress.kubernetes.io/multi-cluster-target-group": "true"}
				})}, "", []string{"shared true"}, nil},
		{"whether a target group is shared is true or false", one(notes{"multi-cluster-target-group": "2"}, all), "",
			[]string{"finding", "multi-cluster-target-group"}, nil},
		{"the Service's node labels beat the Ingress's",
			[]any{ing("x", notes{"target-type": "instance", "target-node-labels": "a=ingress"}, "a Prefix / labelled:80"),
				with(offer("labelled", port("", intstr.FromInt32(8080), 30110)), func(s *corev1.Service) {
					s.Annotations = map[string]string{"alb.ingress.kubernetes.io/target-node-labels": "a=service"}
				})}, "",
			[]string{"nodes map[a:service]"}, []string{"a:ingress"}},
		{"pods have no node labels", one(notes{"target-node-labels": "a=b"}, all), "", []string{"nodes map[] shared"},
			nil},
		{"pods admit the balancer at the target port, and at the check's if that is another",
			one(notes{"healthcheck-port": "9999"}, all), "", []string{"ports [{TCP 8080}] ports [{TCP 9999}]"}, nil},
	}
}
