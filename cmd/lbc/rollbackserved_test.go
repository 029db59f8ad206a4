package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// gatewayOn is a Gateway with one listener, and a route with a ListenerRuleConfiguration.
func gatewayOn(listener, configuration string) string {
	return `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: alb}
spec: {controllerName: gateway.k8s.aws/alb}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, annotations: {gateway.k8s.aws/rule-construction: compatible}}
spec:
  gatewayClassName: alb
  infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web}}
  listeners: [` + listener + `]
---
apiVersion: gateway.k8s.aws/v1
kind: LoadBalancerConfiguration
metadata: {name: web}
spec:
  listenerConfigurations:
  - {protocolPort: "HTTPS:443", defaultCertificate: "arn:aws:acm:us-west-2:123456789012:certificate/0"}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: admin}
spec:
  parentRefs: [{name: web}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /admin}}]
    filters:
    - type: ExtensionRef
      extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: login}
    backendRefs: [{name: web, port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, ports: [{port: 80, targetPort: 80, nodePort: 30080}], selector: {app: web}}
---
apiVersion: v1
kind: Secret
metadata: {name: idp}
data: {clientID: YQ==, clientSecret: Yg==}
---
apiVersion: gateway.k8s.aws/v1
kind: ListenerRuleConfiguration
metadata: {name: login}
spec:
` + configuration
}

const oidcAction = `  actions:
  - type: authenticate-oidc
    authenticateOIDCConfig:
      issuer: https://idp.example.com
      authorizationEndpoint: https://idp.example.com/a
      tokenEndpoint: https://idp.example.com/t
      userInfoEndpoint: https://idp.example.com/u
      secret: {name: idp}
`

const (
	plainListener  = "{name: plain, port: 80, protocol: HTTP}"
	secureListener = "{name: secure, port: 443, protocol: HTTPS, hostname: a.example.com, " +
		"tls: {certificateRefs: [{name: a}]}}"
)

// ingressOf is an Ingress with annotations, and its Service.
func ingressOf(annotations ...string) string {
	return `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  annotations:
    alb.ingress.kubernetes.io/` + strings.Join(annotations, "\n    alb.ingress.kubernetes.io/") + `
spec:
  ingressClassName: alb
  rules:
  - host: a.example.com
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, ports: [{port: 80, targetPort: 80, nodePort: 30080}], selector: {app: web}}
`
}

// ranges are n address ranges that do not join.
func ranges(n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("198.51.%d.0/25", i)
	}
	return strings.Join(out, ",")
}

// TestRollbackCheckTellsWhatIsServedOtherwise has objects that this controller does not serve as declared.
func TestRollbackCheckTellsWhatIsServedOtherwise(t *testing.T) {
	t.Parallel()
	const six = `conditions.web: '[{"field": "path-pattern", "pathPatternConfig": {"values": ["/a", "/b", "/c", "/d", "/e"]}}]'`
	for name, c := range map[string]struct{ objects, object, effect, after string }{
		"a login at an HTTP listener": {gatewayOn(plainListener, oidcAction), "HTTPRoute/admin", "exposed",
			"Omits the login"},
		"a login at an HTTPS listener": {objects: gatewayOn(secureListener, oidcAction)},
		"source addresses for a match that is not there": {gatewayOn(plainListener, "  conditions: [{field: source-ip, "+
			"matchIndexes: [4], sourceIPConfig: {values: [10.0.0.0/8]}}]\n"), "HTTPRoute/admin", "exposed",
			"Omits the login or restriction"},
		"a misspelt restriction": {ingressOf("inbound-cidr: 10.0.0.0/8"), "Ingress/web", "exposed", "default"},
		"an unknown key of a login": {ingressOf("auth-type: oidc", `jwt-validation: '{"jwksEndpoint": `+
			`"https://idp.example.com/k", "issuer": "https://idp.example.com", "additionalClaim": []}'`,
			`listen-ports: '[{"HTTPS": 443}]'`), "Ingress/web", "exposed", "default"},
		"an invalid value": {ingressOf("healthcheck-interval-seconds: soon"), "Ingress/web",
			"unavailable", "Changes nothing"},
		"more values than a rule has": {ingressOf(six), "Ingress/web", "unavailable", "AWS refuses"},
		"more inbound rules than a security group has": {ingressOf("inbound-cidrs: " + ranges(70)), "Ingress/web",
			"unavailable", "no client reaches"},
		"as many inbound rules as it has": {objects: ingressOf("inbound-cidrs: " + ranges(60))},
		"a valid Ingress":                 {objects: ingressOf("scheme: internal")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, errOut, err := lbc(t, c.objects, "rollback-check", "-f", "-", "-o", "json")
			var d rollbackDocument
			if jsonErr := json.Unmarshal([]byte(out), &d); jsonErr != nil {
				t.Fatalf("%v\n%s%s", jsonErr, out, errOut)
			}
			if c.object == "" {
				if len(d.ServedOtherwise) > 0 {
					t.Errorf("%v: %+v", err, d.ServedOtherwise)
				}
				return
			}
			if !slices.ContainsFunc(d.ServedOtherwise, func(s servedOtherwise) bool {
				return s.Kind+"/"+s.Name == c.object && string(s.Effect) == c.effect && strings.Contains(s.After, c.after)
			}) || !errors.Is(err, exitWarnings) {
				t.Errorf("%v\n%s%s", err, out, errOut)
			}
		})
	}
}

// TestRollbackCheckPutsLostProtectionFirst: a flag accepts what only loses requests or edits.
func TestRollbackCheckPutsLostProtectionFirst(t *testing.T) {
	t.Parallel()
	invalid := strings.Replace(ingressOf("healthcheck-interval-seconds: soon"), "name: web", "name: api", 1)
	out, errOut, err := lbc(t, invalid+"---"+ingressOf("inbound-cidr: 10.0.0.0/8"), "rollback-check", "-f", "-")
	if !errors.Is(err, exitWarnings) || !strings.HasPrefix(out, "ingress default/web (-)\n  found   ") ||
		strings.Index(out, "effect  exposed") > strings.Index(out, "effect  unavailable") {
		t.Errorf("%v\n%s%s", err, out, errOut)
	}
	for _, c := range []struct {
		objects string
		want    error
	}{{invalid, nil}, {ingressOf("inbound-cidr: 10.0.0.0/8"), exitWarnings}} {
		out, errOut, err := lbc(t, c.objects, "rollback-check", "--accept-unavailable", "-f", "-")
		if !errors.Is(err, c.want) || !strings.Contains(out, "  effect  ") {
			t.Errorf("%v, want %v\n%s%s", err, c.want, out, errOut)
		}
	}
}
