package compile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestReferencesToThemselvesEndAndAreReported has actions, target groups and redirects that lead to themselves,
// directly or around.
func TestReferencesToThemselvesEndAndAreReported(t *testing.T) {
	t.Parallel()
	toService := func(name string) string {
		return fmt.Sprintf(
			`{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":%q,"servicePort":"use-annotation"}]}}`, name)
	}
	redirect := func(path string) string {
		return `{"type":"redirect","redirectConfig":{"path":"` + path + `","statusCode":"HTTP_302"}}`
	}
	for _, c := range []struct {
		name  string
		notes notes
		paths []string
		want  []string
		never []string
	}{
		{
			"an action that forwards to itself", notes{"actions.web": toService("web")},
			[]string{"a Prefix / web:use-annotation"},
			[]string{"use-annotation", "shop/web"}, nil,
		},
		{
			"an action that forwards to itself, and its Service is missing", notes{"actions.gone": toService("gone")},
			[]string{"a Prefix / gone:use-annotation"},
			[]string{"gone"}, nil,
		},
		{
			"two actions that forward to each other", notes{"actions.web": toService("api"), "actions.api": toService("web")},
			[]string{"a Prefix / web:use-annotation", "b Prefix / api:use-annotation"}, []string{"use-annotation"}, nil,
		},
		{
			"a redirect to itself", notes{"actions.same": redirect("/#{path}")}, []string{"a Exact /x same:use-annotation",
				"a Exact /y web:http"},
			[]string{"path-pattern=/y → forward shop/"}, []string{"path-pattern=/x → redirect"},
		},
		{
			// What one rule alone cannot tell stays as it was written: clients give up on the circle.
			"two redirects to each other", notes{"actions.ping": redirect("/pong"), "actions.pong": redirect("/ping")},
			[]string{"a Exact /ping ping:use-annotation", "a Exact /pong pong:use-annotation"},
			[]string{"path-pattern=/ping → redirect", "path-pattern=/pong → redirect"}, nil,
		},
		{
			"a redirect of HTTP to a port that is not HTTPS", notes{"listen-ports": `[{"HTTP":80}]`, "ssl-redirect": "80"},
			[]string{"a Prefix / web:http"},
			[]string{"ssl-redirect"}, nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out := scenario{Account: "lab"}.run(t, append(surroundings(), ing("x", c.notes, c.paths...)))
			text := tell(out)
			for _, w := range c.want {
				if !strings.Contains(text, w) {
					t.Errorf("%q is missing in:\n%s", w, text)
				}
			}
			for _, w := range c.never {
				if strings.Contains(text, w) {
					t.Errorf("%q is in:\n%s", w, text)
				}
			}
		})
	}
}

// TestAnAnnotationOfAMegabyteOnAServiceIsAnsweredInTime is for Services of type LoadBalancer what the same is for
// Ingresses.
func TestAnAnnotationOfAMegabyteOnAServiceIsAnsweredInTime(t *testing.T) {
	t.Parallel()
	const megabyte = 1 << 20
	shapes := []string{strings.Repeat("[", megabyte), strings.Repeat("k=v,", megabyte/4),
		strings.Repeat("10.0.0.0/8,", megabyte/11)}
	class := "service.k8s.aws/nlb"
	for _, e := range annotation.Entries() {
		if e.Scope != annotation.OnService && e.Scope != annotation.OnBoth {
			continue
		}
		key := string(e.Key)
		if e.Family != "" {
			key += "TCP-80"
		}
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			for _, value := range shapes {
				svc := &corev1.Service{
					ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "big", UID: "0f7c2d3e-0000-4000-8000-000000000001",
						Annotations: map[string]string{key: value},
						// else one in an invalid group has no stack
						Finalizers: []string{naming.Finalizer(stack.Key{Owner: stack.Service, ID: naming.StackID("shop", "big")})}},
					Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, LoadBalancerClass: &class,
						Ports: []corev1.ServicePort{{Name: "http", Port: 80, NodePort: 30080, Protocol: corev1.ProtocolTCP}}},
				}
				out := scenario{Account: "lab"}.run(t, append(surroundings(), svc))
				if !slices.ContainsFunc(out, func(o outcome) bool { return strings.Contains(fmt.Sprint(o.Stack), "shop/big") }) {
					t.Errorf("the Service is overlooked: %.500s", tell(out))
				}
				for _, o := range out {
					for _, d := range o.Diagnostics {
						if len(d) > 4096 {
							t.Errorf("a finding has %d bytes: %.200s", len(d), d)
						}
					}
				}
			}
		})
	}
}
