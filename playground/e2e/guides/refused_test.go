package guides

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/playground/repository"
)

// refusal is an example that must not work, and what its user gets to read.
type refusal struct {
	file, namespace    string
	kind, name, reason string
	atApply            bool // kubectl apply reports it, and the object is not stored; else an event does
	contains           []string
	then               func(*testing.T, *scenario) // while it is there
}

var refusals = []refusal{
	{
		file: "refused/05-malformed-certificate.yaml", namespace: "refused-cert", kind: "Ingress", name: "https-ingress",
		contains: []string{"arn:aws:acm:region:account:certificate/cert-id", "alb.ingress.kubernetes.io/certificate-arn"},
		then:     correctCertificate,
	},
	{
		file: "refused/09-tgb-ip-with-node-selector.yaml", namespace: "refused-tgb", kind: "TargetGroupBinding",
		name: "example-tgb", atApply: true,
		contains: []string{"TargetGroupBinding cannot set NodeSelector when TargetType is ip"}, then: nothingWritten,
	},
	{
		file: "refused/11-malformed-security-group.yaml", namespace: "refused-sg", kind: "Ingress", name: "secure-ingress",
		reason:   "FailedBuildModel",
		contains: []string{"InvalidGroupId.Malformed", "sg-frontend-12345678", "alb.ingress.kubernetes.io/security-groups"},
		then:     nothingWritten,
	},
	{
		file: "refused/50-missing-ingress-class.yaml", namespace: "refused-class", kind: "Ingress", name: "my-app-ingress",
		atApply: true,
		contains: []string{`IngressClass "no-such-class" does not exist`,
			"create the IngressClass"}, then: makeClass,
	},
	{
		file: "refused/51-external-dns-as-printed.yaml", namespace: "refused-external-dns", kind: "Deployment",
		name: "external-dns", atApply: true,
		contains: []string{"spec.selector: Required value", "`selector` does not match template `labels`"},
		then:     nothingWritten,
	},
}

// TestWhatMustBeRefusedIsReportedOnItsObjectAndCostsNothing shows what users of the guides' wrong
// examples read from kubectl and events, and that AWS is left alone.
func TestWhatMustBeRefusedIsReportedOnItsObjectAndCostsNothing(t *testing.T) {
	c := cluster(t)
	for _, r := range refusals {
		t.Run(r.file, func(t *testing.T) {
			s := newScenario(c, &row{file: r.file, namespace: r.namespace})
			before := c.Simulator.Resources()
			mark := c.Mark()
			if r.atApply {
				s.refused(t, s.path(), r.contains...)
			} else {
				s.apply(t)
				s.warned(t, r.kind, r.namespace, r.name, r.reason, r.contains...)
			}
			s.mark = mark
			r.then(t, s)
			s.remove(t)
			c.WaitAccount(t, before)
		})
	}
}

// nothingWritten also demands that no load balancer is named in the status.
func nothingWritten(t *testing.T, s *scenario) {
	if w := s.c.Writes(s.mark); len(w) > 0 {
		t.Errorf("wrote %v", w)
	}
	p, err := look(t.Context(), s.c, s.namespace)
	if err != nil {
		t.Fatal(err)
	}
	for name, i := range p.ingresses {
		if len(i.Status.LoadBalancer.Ingress) > 0 {
			t.Errorf("Ingress %s has an address", name)
		}
	}
}

// correctCertificate shows that port 80 is served meanwhile, and that the right ARN adds HTTPS to what is there.
func correctCertificate(t *testing.T, s *scenario) {
	host := s.c.IngressAddress(t, s.namespace, "https-ingress")
	a := ask{url: "http://secure.example.com/a?b=1", status: 301, location: "https://secure.example.com:443/a?b=1"}
	s.c.WaitGet(t, "http://"+host+"/", "secure.example.com", 301, "")
	lb := s.c.LoadBalancer(t, host)
	if err := s.ask(t.Context(), a, lb); err != nil {
		t.Error(err)
	}
	if len(lb.Listeners) != 1 || lb.Listeners[0].Port != 80 {
		t.Errorf("listeners: %v, want 80 alone", lb.Listeners)
	}
	s.mark = s.c.Mark()
	s.annotate(t, "https-ingress", "certificate-arn="+certificate("1"))
	s.c.WaitGet(t, "https://"+host+"/", "secure.example.com", 200, "secure-service")
	for _, w := range s.c.Writes(s.mark) {
		if strings.Contains(w, "Delete") || strings.Contains(w, "CreateLoadBalancer") || w == "ec2 CreateSecurityGroup" {
			t.Errorf("the right ARN led to %s", w)
		}
	}
	if after := s.c.LoadBalancer(t, host); after.ARN != lb.ARN {
		t.Error("the load balancer is another one")
	}
}

// makeClass shows that the Ingress of a class that is missing costs no AWS call, and is admitted and served at once
// when the class is a moment old.
func makeClass(t *testing.T, s *scenario) {
	nothingWritten(t, s)
	if _, err := s.c.Client.NetworkingV1().Ingresses(s.namespace).Get(t.Context(), "my-app-ingress",
		metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the Ingress was stored: %v", err)
	}
	const class = "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: no-such-class}\nspec: " +
		"{controller: ingress.k8s.aws/alb}\n"
	s.c.Apply(t, class)
	s.apply(t)
	host := s.c.IngressAddress(t, s.namespace, "my-app-ingress")
	s.c.WaitGet(t, "http://"+host+"/", "myapp.example.com", 200, "my-app-service")
}

// TestEveryExampleHasARow shows that each example of the guides has a row in the tables of this
// package.
func TestEveryExampleHasARow(t *testing.T) {
	t.Parallel()
	root, err := repository.FindFromProcess()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(root.Example(filepath.Join("guides", "[0-9]*.yaml")))
	all := slices.Concat(rows, gatewayRows)
	if err != nil || len(files) != len(all)+1 {
		t.Errorf("%d files for %d rows, %v", len(files), len(all)+1, err)
	}
	known := map[string]bool{"00-ingressclass-alb.yaml": true}
	for _, r := range all {
		known[r.file] = true
	}
	for _, f := range files {
		if !known[filepath.Base(f)] {
			t.Errorf("%s has no row", f)
		}
	}
}
