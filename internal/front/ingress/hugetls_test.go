package ingress

import (
	"fmt"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// numbered are so many hosts.
func numbered(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("h%d.example.com", i))
	}
	return out
}

// perHost are entries of spec.tls, each with a Secret and a host.
func perHost(n int) (out []networkingv1.IngressTLS) {
	for i, host := range numbered(n) {
		out = append(out, entry(fmt.Sprint("s", i), host))
	}
	return out
}

// TestHugeTLSIsRefused has spec.tls exceed what is read of it. It counts only where it decides about certificates.
func TestHugeTLSIsRefused(t *testing.T) {
	t.Parallel()
	one := func(hosts int) []networkingv1.IngressTLS {
		return []networkingv1.IngressTLS{entry("s", numbered(hosts)...)}
	}
	const https, http = `[{"HTTPS":443}]`, `[{"HTTP":80}]`
	for name, c := range map[string]struct {
		tls     []networkingv1.IngressTLS
		notes   map[annotation.Key]string
		refused string
	}{
		"hosts":                 {tls: one(mostTLS + 1), refused: "1 entries with 1001 hosts"},
		"entries":               {tls: perHost(mostTLS + 1), refused: "1001 entries with 1001 hosts"},
		"entries without hosts": {tls: make([]networkingv1.IngressTLS, mostTLS+1), refused: "1001 entries with 0 hosts"},
		"as many as are read":   {tls: perHost(mostTLS)},
		"certificates in ACM": {one(mostTLS + 1), map[annotation.Key]string{annotation.ImportTLSSecrets: "false"},
			"1001 hosts"},
		"no HTTPS listener":      {one(mostTLS + 1), map[annotation.Key]string{annotation.ListenPorts: http}, ""},
		"certificates are named": {one(mostTLS + 1), map[annotation.Key]string{annotation.CertificateARN: "arn:x"}, ""},
		"a certificate requested": {one(mostTLS + 1), map[annotation.Key]string{annotation.CreateCertificate: "true"},
			"1001 hosts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := mayImport()
			cfg.RequestCertificates = true
			annotations := map[string]string{string(annotation.ListenPorts): https,
				string(annotation.ImportTLSSecrets): "true"}
			for k, v := range c.notes {
				annotations[string(k)] = v
			}
			m := declaredIngress(t, cfg, annotations, c.tls, nil)
			var found []string
			for _, d := range m.Diagnostics {
				if d.Path == "spec.tls" && d.Class != diag.Note {
					found = append(found, d.Text)
				}
			}
			if refused := len(found) > 0; refused != (c.refused != "") || refused && !strings.Contains(found[0], c.refused) {
				t.Errorf("refused: %q, want %q", found, c.refused)
			}
			if len(found) > 0 && (len(m.Certificates) > 0 || len(m.Listeners) != 1) {
				t.Errorf("%d certificates, %d listeners", len(m.Certificates), len(m.Listeners))
			}
		})
	}
}

// TestRequestOfTooManyNamesIsRefused has more hosts than ACM accepts in a request.
func TestRequestOfTooManyNamesIsRefused(t *testing.T) {
	t.Parallel()
	cfg := mayImport()
	cfg.RequestCertificates = true
	for n, refused := range map[int]bool{mostNames: false, mostNames + 1: true} {
		m := declaredIngress(t, cfg, map[string]string{string(annotation.CreateCertificate): "true"}, nil, numbered(n))
		text := fmt.Sprint(m.Diagnostics)
		if strings.Contains(text, "at most 100 names") != refused || (len(m.Certificates) == 0) != refused {
			t.Errorf("%d hosts: %d certificates, %s", n, len(m.Certificates), text)
		}
	}
}
