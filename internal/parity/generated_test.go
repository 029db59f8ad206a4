package parity

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/parity/recorded"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// TestSwapOfGeneratedGroupsPlansNothing makes groups by chance, lets them be deployed,
// writes down the account with the numbers and tags that the existing controller gives rules, puts that into a new
// account and asks what is to do.
func TestSwapOfGeneratedGroupsPlansNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(16) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			r := generate(rand.New(rand.NewPCG(seed, 1)))
			made := newLab(t)
			made.settle(r)
			for _, s := range made.plans(r) {
				if s.Diagnostics.HasErrors() {
					t.Errorf("a member is invalid, and would only be quarantined: %v", s.Diagnostics)
				}
			}
			after := made.picture()
			if len(sub(sub(after, "aws"), "loadBalancers")) == 0 {
				t.Fatal("nothing was made")
			}
			for _, what := range (&existing{}).reconcile(made.picture(), after) {
				if !slices.ContainsFunc(allowed, func(p string) bool { return strings.HasPrefix(what, p) }) {
					t.Errorf("the existing controller would %s", what)
				}
			}
			taken := newLab(t)
			taken.attachDefault = seed%2 == 0
			taken.put(r, after)
			for _, s := range taken.plans(r) {
				for _, step := range s.Plan.Steps {
					t.Errorf("%s would be changed: %s %s %v", s.Key, plan.NameOf(step.Op), step.Resource, step.Why)
				}
			}
		})
	}
}

// generate makes up to four Ingresses, of one group or each alone, in front of two Services.
func generate(r *rand.Rand) *cluster {
	c := &cluster{Case: recorded.Case{Name: "generated", Namespace: "shop", Objects: []tree{class()}}}
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	for _, name := range []string{"web", "api"} {
		c.Objects = append(c.Objects, tree{"apiVersion": "v1", "kind": "Service", "metadata": tree{
			"name": name, "namespace": c.Namespace}, "spec": tree{
			"type": "NodePort", "ports": []any{
				tree{"name": "http", "port": 80, "targetPort": 8080, "nodePort": 30000 + r.IntN(1000), "protocol": "TCP"},
				tree{"name": "admin", "port": 9000, "targetPort": "admin", "nodePort": 31000 + r.IntN(1000), "protocol": "TCP"},
			}}})
	}
	// members agree about the load balancer
	group, common := one("", "shop.front"), tree{"scheme": one("internal", "internet-facing")}
	if r.IntN(2) == 0 {
		common["load-balancer-attributes"] =
			"idle_timeout.timeout_seconds=120,routing.http.drop_invalid_header_fields.enabled=true"
		common["inbound-cidrs"] = "203.0.113.0/24,198.51.100.0/24"
		common["ssl-policy"] = "ELBSecurityPolicy-TLS13-1-2-2021-06"
	} else if r.IntN(2) == 0 {
		common["security-groups"] = "fx-b, fx-a"
		common["manage-backend-security-group-rules"] = "true"
	}
	if r.IntN(3) == 0 {
		common["ip-address-type"] = "dualstack"
	}
	if group != "" && r.IntN(2) == 0 {
		common["load-balancer-name"] = "front-door"
	}
	for i := range 1 + r.IntN(4) {
		annotations := tree{
			"target-type": one("ip", "instance"), "listen-ports": one(`[{"HTTP":80}]`, `[{"HTTP":80},{"HTTPS":443}]`,
				`[{"HTTP":8080}]`),
			"healthcheck-path": one("/", "/healthz"), "success-codes": one("200", "200-299,301"),
			"tags":              fmt.Sprintf("team=t%d", i),
			"actions.moved":     `{"type":"redirect","redirectConfig":{"host":"new.example.com","path":"/x/#{path}","statusCode":"HTTP_301"}}`,
			"actions.teapot":    `{"type":"fixed-response","fixedResponseConfig":{"contentType":"text/plain","statusCode":"418","messageBody":"tea"}}`,
			"actions.split":     `{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"web","servicePort":"80","weight":20},{"serviceName":"api","servicePort":"http","weight":80}],"targetGroupStickinessConfig":{"enabled":true,"durationSeconds":200}}}`,
			"conditions.teapot": `[{"field":"http-header","httpHeaderConfig":{"httpHeaderName":"X-Tea","values":["green","bl*"]}},{"field":"query-string","queryStringConfig":{"values":[{"key":"a","value":"1"}]}}]`,
			"conditions.split":  `[{"field":"source-ip","sourceIpConfig":{"values":["192.0.2.0/24"]}}]`,
		}
		maps.Copy(annotations, common)
		if r.IntN(2) == 0 {
			annotations["target-group-attributes"] =
				"deregistration_delay.timeout_seconds=30,stickiness.enabled=true,stickiness.type=lb_cookie"
			if r.IntN(2) == 0 { // behind TLS only
				annotations["listen-ports"], annotations["backend-protocol-version"] = `[{"HTTPS":443}]`, one("HTTP2", "GRPC")
				delete(annotations, "success-codes")
			}
			annotations["backend-protocol"] = one("HTTP", "HTTPS")
			annotations["healthcheck-interval-seconds"], annotations["healthy-threshold-count"] = "20", "4"
		}
		if r.IntN(2) == 0 {
			annotations["transforms.web"] =
				`[{"type":"url-rewrite","urlRewriteConfig":{"rewrites":[{"regex":"^/shop/(.*)$","replace":"/$1"}]}}]`
		}
		if group != "" {
			annotations["group.name"], annotations["group.order"] = group, strconv.Itoa(r.IntN(3))
			annotations["tags"] = "team=shop" // members agree
		}
		full := tree{}
		for k, v := range annotations {
			full["alb.ingress.kubernetes.io/"+k] = v
		}
		var rules []any
		for range 1 + r.IntN(2) {
			var paths []any
			for range 1 + r.IntN(4) {
				backend := tree{"service": tree{"name": one("web", "api"), "port": tree{"name": one("http", "admin")}}}
				if r.IntN(3) == 0 {
					backend = tree{"service": tree{"name": one("moved", "teapot", "split"), "port": tree{"name": "use-annotation"}}}
				}
				paths = append(paths, tree{"path": one("/", "/a", "/a/b", "/shop"), "pathType": one("Prefix", "Exact"),
					"backend": backend})
			}
			rules = append(rules, tree{"host": one("app.example.com", "www.example.com", "api.example.org"), "http": tree{
				"paths": paths}})
		}
		c.Objects = append(c.Objects, tree{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
			"metadata": tree{"name": fmt.Sprintf("i%d", i), "namespace": c.Namespace, "annotations": full}, "spec": tree{
				"ingressClassName": "alb", "rules": rules}})
	}
	return c
}
