package front

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

const guardedIngress = `apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: alb}
spec: {controller: ingress.k8s.aws/alb, parameters: {apiGroup: elbv2.k8s.aws, kind: IngressClassParams, name: alb}}
---
apiVersion: elbv2.k8s.aws/v1beta1
kind: IngressClassParams
metadata: {name: alb, annotations: {elbv2.k8s.aws/frontend-nlb-scheme: internal}}
spec: {sslRedirectPort: "REDIRECT"}
---
apiVersion: v1
kind: Service
metadata: {namespace: shop, name: web, annotations: {alb.ingress.kubernetes.io/auth-type: none}}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {namespace: shop, name: api}
spec: {type: NodePort, selector: {app: api}, ports: [{port: 80, targetPort: 8080, nodePort: 30081}]}
---
apiVersion: v1
kind: Secret
metadata: {namespace: shop, name: idp}
stringData: {clientID: i, clientSecret: s}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  namespace: shop
  name: web
  finalizers: [ingress.k8s.aws/resources]
  annotations:
    alb.ingress.kubernetes.io/target-type: ip
    alb.ingress.kubernetes.io/listen-ports: '[{"HTTP":80},{"HTTPS":443}]'
    alb.ingress.kubernetes.io/certificate-arn: ` + accountCertificate + `
    alb.ingress.kubernetes.io/enable-frontend-nlb: "true"
    alb.ingress.kubernetes.io/frontend-nlb-scheme: internet-facing
    alb.ingress.kubernetes.io/listener-attributes.HTTPS-443: routing.http.response.server.enabled=false
    alb.ingress.kubernetes.io/conditions.web: '[{"field":"source-ip","sourceIPConfig":{"values":["192.0.2.0/24"]}},
      {"field":"query-string","queryStringConfig":{"values":[{"key":"v","value":"2"}]}}]'
    alb.ingress.kubernetes.io/conditions.old: '[]'
    alb.ingress.kubernetes.io/actions.move: '{"type":"redirect","redirectConfig":{"host":"a.test","path":"/x",
      "statusCode":"HTTP_302"}}'
    alb.ingress.kubernetes.io/jwt-validation: '{"jwksEndpoint":"https://k.test","issuer":"https://i.test",
      "additionalClaims":[{"format":"single-string","name":"role","values":["admin"]}]}'
spec:
  ingressClassName: alb
  rules:
  - host: a.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}
  - host: b.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: move, port: {name: use-annotation}}}}
      - {path: /api, pathType: Prefix, backend: {service: {name: api, port: {number: 80}}}}
`

const weightedService = `apiVersion: v1
kind: Service
metadata:
  namespace: shop
  name: web
  finalizers: [service.k8s.aws/resources]
  annotations:
    service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip
    service.beta.kubernetes.io/aws-load-balancer-proxy-protocol-per-target-group: "80, 81"
    service.beta.kubernetes.io/aws-load-balancer-quic-enabled-ports: quic
    service.beta.kubernetes.io/aws-load-balancer-enable-tcp-udp-listener: "false"
    service.beta.kubernetes.io/aws-load-balancer-enable-icmp-for-path-mtu-discovery: "on"
    service.beta.kubernetes.io/aws-load-balancer-target-group-attributes.80: preserve_client_ip.enabled=true
    service.beta.kubernetes.io/aws-load-balancer-listener-attributes.TCP-80: tcp.idle_timeout.seconds=60
    service.beta.kubernetes.io/actions.TCP-81: '{"type":"forward","forwardConfig":{"baseServiceWeight":1,
      "targetGroups":[{"serviceName":"api","servicePort":80,"weight":1}]}}'
spec:
  type: LoadBalancer
  loadBalancerClass: service.k8s.aws/nlb
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: 8080, protocol: TCP}
  - {name: more, port: 81, targetPort: 8081, protocol: TCP}
  - {name: quic, port: 443, targetPort: 8443, protocol: UDP}
---
apiVersion: v1
kind: Service
metadata: {namespace: shop, name: api}
spec: {selector: {app: api}, ports: [{port: 80, targetPort: 8080}]}
`

// misspelling is an edit of a text, with what its finding says; empty = the edit is valid.
type misspelling struct{ from, to, finding string }

// misspell makes edits of objects that serve. Those that misspell something change nothing, twice in a row.
func misspell(t *testing.T, f Loader, key stack.Key, text string, edits map[string]misspelling) {
	t.Helper()
	compiled := func(text string, before *compile.Memory) compiled {
		return served{f: f, key: key, objects: byName(decode(t, text))}.compile(t, before)
	}
	old := compiled(text, nil)
	if old.Stack == nil || old.complaint() != "" {
		t.Fatalf("the objects do not serve: %s", old.complaint())
	}
	for name, e := range edits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(text, e.from) {
				t.Fatalf("nothing is %q", e.from)
			}
			memory := old.Memory
			for range 2 {
				c := compiled(strings.ReplaceAll(text, e.from, e.to), memory)
				same := reflect.DeepEqual(c.Stack, old.Stack)
				if e.finding == "" {
					if same || c.complaint() != "" {
						t.Errorf("the edit is not followed: %s", c.complaint())
					}
					return
				}
				if !same {
					t.Errorf("it was\n%+v\nand is\n%+v", old.Stack, c.Stack)
				}
				if !slices.ContainsFunc(c.Diagnostics, func(d diag.Diagnostic) bool {
					return strings.Contains(d.Text, e.finding) && strings.Contains(d.Text, "keeps serving")
				}) {
					t.Errorf("no finding tells it: %v", c.Diagnostics)
				}
				for _, d := range c.Diagnostics {
					if d.Class == diag.Note && d.Code != diag.NoTargets && slices.ContainsFunc(c.Diagnostics, func(
						x diag.Diagnostic) bool {
						return x.Class != diag.Note && x.Object == d.Object && x.Path == d.Path
					}) {
						t.Errorf("a note beside the error: %s: %s", d.Path, d.Text)
					}
				}
				memory = c.Memory
			}
		})
	}
}

var (
	ingressOfShop = stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
	albs          = Ingress{Config: ingress.Config{IngressClass: "alb", TolerateMissingAction: true,
		TolerateMissingService: true}}
)

func TestMisspeltPartsOfIngressesChangeNothing(t *testing.T) {
	t.Parallel()
	misspell(t, albs, ingressOfShop, strings.ReplaceAll(guardedIngress, "REDIRECT", ""), map[string]misspelling{
		"field of a condition":  {`"field":"source-ip"`, `"field":"source-Ip"`, `field "source-Ip" is unknown`},
		"member of a condition": {`"key":"v"`, `"kye":"v"`, "queryStringConfig.values[0].kye of annotation"},
		"a further member":      {`"key":"v"`, `"key":"v","only":"x"`, "queryStringConfig.values[0].only of annotation"},
		"name of a Service":     {"conditions.web", "conditions.wbe", "conditions.web is missing"},
		"another name":          {"conditions.web", "conditions.frontend", "conditions.web is missing"},
		"name of an action":     {"actions.move", "actions.mvoe", "actions.move is missing"},
		"member of an action":   {`"path":"/x"`, `"pth":"/x"`, "redirectConfig.pth of annotation"},
		"claims":                {"additionalClaims", "additionalClaim", "additionalClaim of annotation"},
		"other claims":          {"additionalClaims", "claims", "claims of annotation"},
		"listener":              {"HTTPS-443: routing", "HTTPS-433: routing", "HTTPS-443 is missing"},
		"key of a Service":      {"auth-type: none", "auth-tpye: none", "auth-tpye is unknown"},
		"scheme of the class":   {"nlb-scheme: internal}", "nlb-scheme: internl}", "unknown scheme: internl"},
		"key of the class":      {"nlb-scheme: internal}", "nlb-shceme: internal}", "nlb-shceme is unknown"},
		"key of the Ingress":    {"target-type: ip", "target-tpye: ip", "target-tpye is unknown"},
		"key of a family":       {"listener-attributes.H", "listener-attribtes.H", "listener-attribtes.HTTPS-443 is"},
		"controller of the class": {"ingress.k8s.aws/alb,", "ingress.k8s.aws/alp,",
			`names controller "ingress.k8s.aws/alp"`},
		"a rule is removed": {"- host: a.example.com\n    http:\n      paths:\n      - {path: /, pathType: Prefix, " +
			"backend: {service: {name: web, port: {number: 80}}}}\n  ", "", ""},
		"a condition is removed": {`{"field":"source-ip","sourceIPConfig":{"values":["192.0.2.0/24"]}},`, "", ""},
	})
}

// TestAnAddedUnknownKeyHoldsNothingUp adds keys that resemble known ones which the objects never had, and a host.
func TestAnAddedUnknownKeyHoldsNothingUp(t *testing.T) {
	t.Parallel()
	text := strings.ReplaceAll(guardedIngress, "REDIRECT", "")
	memory := served{f: albs, key: ingressOfShop, objects: byName(decode(t, text))}.compile(t, nil).Memory
	for before, key := range map[string]string{
		"    alb.ingress.kubernetes.io/target-type: ip\n": "    alb.ingress.kubernetes.io/healthcheck-pathh: /x\n",
		"auth-type: none":      ", alb.ingress.kubernetes.io/tag: a=b",
		"nlb-scheme: internal": ", elbv2.k8s.aws/drift-polic: x",
	} {
		edited := strings.ReplaceAll(strings.Replace(text, before, before+key, 1), "a.example.com", "c.example.com")
		c := served{f: albs, key: ingressOfShop, objects: byName(decode(t, edited))}.compile(t, memory)
		if c.complaint() != "" || !strings.Contains(fmt.Sprint(c.Stack.Rules), "c.example.com") {
			t.Errorf("%s: the host is not served: %s", key, c.complaint())
		}
	}
}

func TestMisspeltRedirectOfTheClassChangesNothing(t *testing.T) {
	t.Parallel()
	text := strings.ReplaceAll(guardedIngress, "REDIRECT", "443")
	misspell(t, albs, ingressOfShop, text, map[string]misspelling{
		"no number": {`"443"`, `"https"`, `sslRedirectPort "https" of the class parameters is not a port`},
		"none":      {`sslRedirectPort: "443"`, "", ""},
	})
}

func TestServiceThatBecomesExternalKeepsItsRules(t *testing.T) {
	t.Parallel()
	text := strings.ReplaceAll(guardedIngress, "REDIRECT", "")
	misspell(t, albs, ingressOfShop, text, map[string]misspelling{
		"of a rule": {"{type: NodePort, selector: {app: api}, ports: [{port: 80, targetPort: 8080",
			"{type: ExternalName, externalName: x.test, ports: [{port: 80, targetPort: 9090", "is of type ExternalName"},
	})
	misspell(t, albs, ingressOfShop, strings.Replace(text, "  rules:\n", "  defaultBackend: {service: {name: api, port: "+
		"{number: 80}}}\n  rules:\n", 1), map[string]misspelling{
		"of all requests": {"{type: NodePort, selector: {app: api}, ports: [{port: 80, targetPort: 8080",
			"{type: ExternalName, externalName: x.test, ports: [{port: 80, targetPort: 9090", "is of type ExternalName"},
	})
}

func TestMisspeltPartsOfServicesChangeNothing(t *testing.T) {
	t.Parallel()
	misspell(t, Service{Config: service.Config{LoadBalancerClass: "service.k8s.aws/nlb"}}, stack.Key{Owner: stack.Service,
		ID: ingressOfShop.ID}, weightedService, map[string]misspelling{
		"entry":                  {`"80, 81"`, `"88, 81"`, "entry 88 of annotation"},
		"port by name":           {"quic-enabled-ports: quic", "quic-enabled-ports: qiuc", "entry qiuc of annotation"},
		"name of a port":         {"{name: quic,", "{name: quick,", "entry quic of annotation"},
		"value":                  {`listener: "false"`, `listener: "ture"`, "cannot be understood"},
		"ICMP":                   {`discovery: "on"`, `discovery: "onn"`, "cannot be understood"},
		"port of attributes":     {"group-attributes.80", "group-attributes.8O", "group-attributes.80 is missing"},
		"listener of attributes": {"attributes.TCP-80", "attributes.TPC-80", "listener-attributes.TCP-80 is missing"},
		"listener of an action":  {"actions.TCP-81", "actions.TCP-18", "actions.TCP-81 is missing"},
		"dot of an action":       {"actions.TCP-81", "action.sTCP-81", "action.sTCP-81 is unknown"},
		"action without dot":     {"actions.TCP-81", "actionsTCP-81", "actionsTCP-81 is unknown"},
		"dot of a listener":      {"actions.TCP-81", "actionsT.CP-81", "actionsT.CP-81 is unknown"},
		"a port is removed":      {"  - {name: more, port: 81, targetPort: 8081, protocol: TCP}\n", "", ""},
		"an entry is removed":    {`"80, 81"`, `"80"`, ""},
	})
}

// TestUnknownConditionsOpenNothingNew has an unknown field from the beginning: a new Ingress is not opened, and one
// that another controller has served goes on as it was.
func TestUnknownConditionsOpenNothingNew(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("REDIRECT", "", `"field":"source-ip"`, `"field":"source-Ip"`).Replace(guardedIngress)
	asks := traffic.Request{Scheme: "https", Port: 443, Host: "a.example.com", Path: "/", Method: "GET",
		RawQuery: "v=2"}
	s := served{f: albs, key: ingressOfShop, objects: byName(decode(t, text))}
	if is := s.compile(t, nil).answer(asks); !lost(is) {
		t.Errorf("a new Ingress answers %q", is)
	}
	exists := []func(*facts.Facts){func(f *facts.Facts) {
		f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal,
			IPAddressType: stack.IPv4, Subnets: []string{"subnet-a", "subnet-b"}, ManagedGroup: true}
	}}
	s.account = &exists
	old := s.compile(t, nil)
	if is := old.answer(asks); !strings.Contains(is, "shop/web") {
		t.Errorf("an Ingress that served answers %q: %v", is, old.Diagnostics)
	}
	s.objects = byName(decode(t, strings.ReplaceAll(text, "/api", "/other")))
	if c := s.compile(t, old.Memory); c.Diagnostics.HasErrors() || reflect.DeepEqual(c.Stack, old.Stack) {
		t.Errorf("its edits are not followed: %v", c.Diagnostics)
	}
}

// TestNamespaceOfClassParametersIsNoted has a class refer to its parameters as if these had a namespace.
func TestNamespaceOfClassParametersIsNoted(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("REDIRECT", "", "kind: IngressClassParams, name: alb}",
		"kind: IngressClassParams, name: alb, scope: Namespace, namespace: shop}").Replace(guardedIngress)
	c := served{f: albs, key: ingressOfShop, objects: byName(decode(t, text))}.compile(t, nil)
	if c.Stack == nil || !slices.ContainsFunc(c.Diagnostics, func(d diag.Diagnostic) bool {
		return d.Path == "spec.parameters.namespace" && d.Class == diag.Note
	}) {
		t.Errorf("found %v", c.Diagnostics)
	}
}

// TestMisspeltOwnershipOfTheClassWritesNothing has a class whose load balancers are only observed.
func TestMisspeltOwnershipOfTheClassWritesNothing(t *testing.T) {
	t.Parallel()
	for _, annotated := range []string{"ownership: observed", "ownership: observd", "onwership: observed"} { //nolint:misspell // that is the test
		text := strings.ReplaceAll(guardedIngress, "frontend-nlb-scheme: internal}", annotated+"}")
		w := albs.Load(objects.FromObjects(decode(t, text)), ingressOfShop.ID).Governed(ingressOfShop, nil)
		if !w.Observes(stack.Ingress) {
			t.Errorf("%s: writes", annotated)
		}
	}
}

// TestMisspeltControllerOfGatewayClassReleasesNothing makes the class of a Gateway again.
func TestMisspeltControllerOfGatewayClassReleasesNothing(t *testing.T) {
	t.Parallel()
	const text = `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: alb}
spec: {controllerName: CONTROLLER}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {namespace: shop, name: web, finalizers: [gateway.k8s.aws/alb]}
spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}]}
`
	f := Gateway{Config: gateway.Config{ALB: gateway.ControllerALB}, Family: attachment.Application}
	for controller, wanted := range map[string]bool{"gateway.k8s.aws/alb": true, "gateway.k8s.aws/abl": true,
		"gateway.k8s.aws/nlb": false, "example.com/other": false} {
		w := f.Load(objects.FromObjects(decode(t, strings.ReplaceAll(text, "CONTROLLER", controller))), ingressOfShop.ID)
		if w.Declared != wanted || len(w.Leaving) > 0 == wanted {
			t.Errorf("%s: wanted %v, leaving %v", controller, w.Declared, w.Leaving)
		}
		told := wanted && slices.ContainsFunc(w.LoadBalancer.Members, func(m intent.Member) bool {
			return m.Former && strings.Contains(m.Diagnostics[0].Text, `"gateway.k8s.aws/alb" may be meant`)
		})
		if told != (controller == "gateway.k8s.aws/abl") {
			t.Errorf("%s: told %v", controller, told)
		}
	}
}

// byName are objects by kind and name, as served has them.
func byName(all []metav1.Object) map[string]metav1.Object {
	out := map[string]metav1.Object{}
	for _, o := range all {
		out[fmt.Sprintf("%T/%s/%s", o, o.GetNamespace(), o.GetName())] = o
	}
	return out
}

// TestMisspeltRestrictionsOpenNothingNew has misspelt keys of annotations that restrict who is served on a new object:
// nothing answers. One that another controller has served goes on.
func TestMisspeltRestrictionsOpenNothingNew(t *testing.T) {
	t.Parallel()
	text := strings.ReplaceAll(guardedIngress, "REDIRECT", "")
	asks := traffic.Request{Scheme: "https", Port: 443, Host: "b.example.com", Path: "/api", Method: "GET"}
	for _, key := range []string{"inbound-cidr", "security-group-inbound-cidrs", "security-group", "wafv2-acl-arm",
		"wafv2-acl-id", "web-acl-arn",
		"waf-acl-name", "shield-advanced-protecton", "auth-typ", "jwt-validaton", "mutual-autentication", "dry-runn",
		"ownershp", "aproved-plan"} {
		edited := strings.Replace(text, "  annotations:\n", "  annotations:\n    alb.ingress.kubernetes.io/"+key+": x\n", 1)
		if key == "jwt-validaton" {
			edited = strings.Replace(text, "jwt-validation", key, 1)
		}
		s := served{f: albs, key: ingressOfShop, objects: byName(decode(t, edited))}
		if c := s.compile(t, nil); !lost(c.answer(asks)) || !strings.Contains(c.complaint(), key) {
			t.Errorf("%s: a new Ingress answers %q: %s", key, c.answer(asks), c.complaint())
		} else if told := about(c, key); len(told) != 1 {
			t.Errorf("%s: told %d times: %v", key, len(told), told)
		}
		exists := []func(*facts.Facts){func(f *facts.Facts) {
			f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal,
				IPAddressType: stack.IPv4, Subnets: []string{"subnet-a", "subnet-b"}, ManagedGroup: true}
		}}
		s.account = &exists
		if c := s.compile(t, nil); lost(c.answer(asks)) {
			t.Errorf("%s: an Ingress that served answers %q: %s", key, c.answer(asks), c.complaint())
		}
	}
	nlbs := Service{Config: service.Config{LoadBalancerClass: "service.k8s.aws/nlb"}}
	of := stack.Key{Owner: stack.Service, ID: ingressOfShop.ID}
	for _, key := range []string{"load-balancer-source-range", "aws-load-balancer-source-ranges",
		"aws-load-balancer-security-group", "aws-load-balancer-security-group-prefix-list", "aws-load-balancer-ownershp",
		"aws-load-balancer-aproved-plan"} {
		edited := strings.Replace(weightedService, "  annotations:\n",
			"  annotations:\n    service.beta.kubernetes.io/"+key+": x\n", 1)
		c := served{f: nlbs, key: of, objects: byName(decode(t, edited))}.compile(t, nil)
		if is := c.answer(traffic.Request{Port: 80}); !lost(is) || !strings.Contains(c.complaint(), key) {
			t.Errorf("%s: a new Service answers %q: %s", key, is, c.complaint())
		} else if told := about(c, key); len(told) != 1 {
			t.Errorf("%s: told %d times: %v", key, len(told), told)
		}
	}
}

// about are the findings of a pass about an annotation.
func about(c compiled, key string) (out []string) {
	for _, d := range slices.Concat(c.Findings, c.Diagnostics) {
		if strings.HasSuffix(d.Path, "/"+key+"]") {
			out = append(out, d.Message())
		}
	}
	return out
}

// TestMisspeltValuesThatRestrictOpenNothingNew has misspelt keys of annotations of which only some values restrict.
func TestMisspeltValuesThatRestrictOpenNothingNew(t *testing.T) {
	t.Parallel()
	text := strings.ReplaceAll(guardedIngress, "REDIRECT", "")
	asks := traffic.Request{Scheme: "https", Port: 443, Host: "b.example.com", Path: "/api", Method: "GET"}
	for annotation, opens := range map[string]bool{
		"load-balancer-attribute: routing.http.drop_invalid_header_fields.enabled=true":   false,
		"load-balancer-attribute: idle_timeout.timeout_seconds=60":                        true,
		"load-balancer-attributes: routing.http.drop_invalid_header_field.enabled=true":   false,
		"load-balancer-attributes: routing.http.drop-invalid-headers-fields.enabled=true": false,
		"load-balancer-attributes: idle_timout.timeout_seconds=60":                        true,
		"load-balancer-attributes: routing.http3.enabled=true":                            true, // may be new
	} {
		edited := strings.Replace(text, "  annotations:\n",
			"  annotations:\n    alb.ingress.kubernetes.io/"+annotation+"\n", 1)
		s := served{f: albs, key: ingressOfShop, objects: byName(decode(t, edited))}
		c := s.compile(t, nil)
		if lost(c.answer(asks)) == opens {
			t.Errorf("%s: a new Ingress answers %q: %v", annotation, c.answer(asks), c.Diagnostics)
		}
		s.account = &[]func(*facts.Facts){func(f *facts.Facts) {
			f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal,
				IPAddressType: stack.IPv4, Subnets: []string{"subnet-a", "subnet-b"}, ManagedGroup: true}
		}}
		if c := s.compile(t, nil); lost(c.answer(asks)) {
			t.Errorf("%s: an Ingress that served answers %q: %s", annotation, c.answer(asks), c.complaint())
		}
	}
}
