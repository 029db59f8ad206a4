package ingresses

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestAMisspeltSchemeReplacesNoLoadBalancer renames the key scheme of an Ingress that serves, restarts with and without
// a memory of it, and corrects the key.
func TestAMisspeltSchemeReplacesNoLoadBalancer(t *testing.T) {
	t.Parallel()
	for name, keeps := range map[string]bool{"with a checkpoint": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const key, misspelt = "alb.ingress.kubernetes.io/scheme", "alb.ingress.kubernetes.io/schem"
			web := lab.Ingress("web", nil, "websvc")
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("websvc"), web)
			l.Checkpointed = keeps
			l.Restart()
			l.Settle(lab.Key("web"))
			serving := l.Sim.Resources().LoadBalancers[0].ARN
			rename := func(from, to string) {
				l.Get(web, "web")
				web.Annotations[to] = web.Annotations[from]
				delete(web.Annotations, from)
				l.Must(l.Client.Update(t.Context(), web))
			}
			mark := l.Mark()
			rename(key, misspelt)
			l.Settle(lab.Key("web"))
			if text := strings.Join(l.Events, "\n"); !strings.Contains(text, misspelt+" is unknown, and "+key+
				" is missing; the last valid version of Ingress shop/web keeps serving") {
				t.Errorf("no event tells it:\n%s", text)
			}
			if keeps {
				l.End()
			}
			l.Restart()
			l.Settle(lab.Key("web"))
			rename(misspelt, key)
			l.Settle(lab.Key("web"))
			balancers := l.Sim.Resources().LoadBalancers
			if w := l.Writes(mark); len(w) > 0 || len(balancers) != 1 || balancers[0].ARN != serving {
				t.Errorf("written %v, load balancers %+v", w, balancers)
			}
		})
	}
}

// TestAMisspeltValueOfAServiceChangesNothing edits values that count as the default, with and without a restart.
func TestAMisspeltValueOfAServiceChangesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ key, right, wrong, after string }{
		"TLS to targets":          {"backend-protocol", "ssl", "SSL", "tcp"},
		"another name of it":      {"backend-protocol", "ssl", "tls", "tcp"},
		"TCP and UDP of one port": {"enable-tcp-udp-listener", "true", "ture", "false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const prefix = "service.beta.kubernetes.io/aws-load-balancer-"
			svc := lab.CrashBalancer("net")
			l := lab.New(t, account.Profile{})
			if c.key == "backend-protocol" {
				svc.Annotations[prefix+"ssl-cert"] = l.Certify("example.com")
			} else {
				udp := svc.Spec.Ports[0]
				udp.Name, udp.Protocol = "udp", corev1.ProtocolUDP
				svc.Spec.Ports = append(svc.Spec.Ports, udp)
			}
			svc.Annotations[prefix+c.key] = c.right
			l.Create(svc)
			l.Checkpointed = true
			l.Restart()
			key := lab.ServiceKey("net")
			l.Settle(key)
			set := func(value string) {
				l.Edited("net", func(s *corev1.Service) { s.Annotations[prefix+c.key] = value })
				l.Settle(key)
			}
			mark := l.Mark()
			set(c.wrong)
			l.End()
			l.Restart()
			l.Settle(key)
			if w := l.Writes(mark); len(w) > 0 {
				t.Errorf("written %v", w)
			}
			if told := strings.Join(l.Events, "\n"); !strings.Contains(told, "the value of annotation "+prefix+c.key+
				" cannot be understood") {
				t.Errorf("told %s", told)
			}
			if set(c.after); len(l.Writes(mark)) == 0 {
				t.Error("a right value has no effect")
			}
		})
	}
}

// TestAMisspeltHealthCheckStaysAfterAStart renames keys of the health check of an Ingress that serves, before a start
// without a memory of it.
func TestAMisspeltHealthCheckStaysAfterAStart(t *testing.T) {
	t.Parallel()
	const prefix = "alb.ingress.kubernetes.io/"
	misspelt := map[string]string{"healthcheck-path": "healthchek-path", "healthcheck-port": "healthcheck-prot",
		"healthcheck-interval-seconds": "healthcheck-interval-second", "success-codes": "success-code"}
	web := lab.Ingress("web", map[string]string{"healthcheck-path": "/ready", "healthcheck-port": "9090",
		"healthcheck-interval-seconds": "20", "success-codes": "204"}, "websvc")
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("websvc"), web)
	l.Settle(lab.Key("web"))
	mark := l.Mark()
	l.Get(web, "web")
	for right, wrong := range misspelt {
		web.Annotations[prefix+wrong] = web.Annotations[prefix+right]
		delete(web.Annotations, prefix+right)
	}
	l.Must(l.Client.Update(t.Context(), web))
	l.Restart()
	for range 2 {
		l.Settle(lab.Key("web"))
	}
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("written %v\n%s", w, strings.Join(l.Events, "\n"))
	}
	if text := strings.Join(l.Events, "\n"); !strings.Contains(text, prefix+"healthcheck-path is missing; existing target "+
		"groups keep the value that they have") {
		t.Errorf("told %s", text)
	}
}
