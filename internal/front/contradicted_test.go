package front

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// wantOnlyErrors fails unless a pass has a finding of an annotation that is invalid, and no note: what the annotation
// was to say, no note can know.
func wantOnlyErrors(t *testing.T, c compiled, k annotation.Key, value string) {
	t.Helper()
	found := slices.Concat(c.Findings, c.Diagnostics)
	if !slices.ContainsFunc(found, func(d diag.Diagnostic) bool {
		return d.Class != diag.Note && strings.Contains(d.Path, string(k))
	}) {
		t.Errorf("%s: %s: no error in %v", k, value, found)
	}
	for _, d := range found {
		if d.Class == diag.Note {
			t.Errorf("%s: %s: beside the error: %s: %s", k, value, d.Path, d.Text)
		}
	}
}

// TestInvalidPortsAreNotTakenForMissing has settings of HTTPS and TLS beside an annotation that names the ports, and is
// invalid.
func TestInvalidPortsAreNotTakenForMissing(t *testing.T) {
	t.Parallel()
	tls := "  tls: [{hosts: [a.example.com]}]\n" + restOfSpec
	for _, value := range []string{`[{"HTTPs":443},{"HTTP":80}]`, `[{"HTTP":80},{"HTTPS":70000}]`, `[{"HTTPS":443},`,
		`[]`} {
		for _, setting := range []string{"ssl-policy=ELBSecurityPolicy-TLS13-1-2-2021-06", "auth-type=oidc",
			`jwt-validation={"jwksEndpoint":"https://a.test/jwks","issuer":"https://a.test"}`,
			`mutual-authentication=[{"port":443,"mode":"passthrough"}]`,
			`listener-attributes.HTTPS-443=routing.http.response.server.enabled=true`} {
			key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
			c := answered(t, Ingress{}, key, decode(t, oneIngress(tls, "listen-ports="+value, setting)), nil)
			wantOnlyErrors(t, c, annotation.ListenPorts, value+" "+setting)
		}
	}
	for key, value := range map[annotation.Key]string{annotation.ServiceBackendProtocol: "ssl",
		annotation.ServiceSSLPolicy: "ELBSecurityPolicy-TLS13-1-2-2021-06", annotation.ServiceALPN: "HTTP2Preferred"} {
		svc := balancer(func(s *corev1.Service) {
			s.Annotations[string(annotation.ServiceCertificates)] = accountCertificate
			s.Annotations[string(annotation.ServiceSSLPorts)] = "htttp"
			s.Annotations[string(key)] = value
		})
		of := Service{Config: service.Config{LoadBalancerClass: "service.k8s.aws/nlb", DefaultTargetType: stack.TargetIP}}
		c := answered(t, of, stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: svc.Namespace, Name: svc.Name}},
			[]metav1.Object{svc}, nil)
		wantOnlyErrors(t, c, annotation.ServiceSSLPorts, value)
	}
}
