package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestPlanNamesAbsentCertificate has an Ingress name a certificate that the account has not, beside one that it has.
// The simulator's built-in account says nothing about certificates of the user.
func TestPlanNamesAbsentCertificate(t *testing.T) {
	t.Parallel()
	const of = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-"
	const manifest = `apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {a: b}, ports: [{port: 80, nodePort: 30080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, annotations: {alb.ingress.kubernetes.io/certificate-arn: "` + of + `000000000001,` + of +
		`00000000dead"}}
spec: {ingressClassName: alb, defaultBackend: {service: {name: web, port: {number: 80}}}}
`
	file := filepath.Join(t.TempDir(), "web.yaml")
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, builtIn := range []bool{false, true} {
		var i inputs
		i.flags(&cobra.Command{}) // for the defaults
		i.files = []string{file}
		src, err := i.open(t.Context(), os.Stderr, strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		defer src.close()
		_, clients := simulated(t)
		src.builtIn, src.inventory = builtIn, inventory.New(clients, inventory.Config{Cluster: i.config.ClusterName,
			VPC: i.config.VPC, Now: time.Now, AddOnTimeout: time.Minute})
		got, err := i.plans(t.Context(), src)
		if err != nil || len(got.Stacks) != 1 {
			t.Fatalf("%v %v", got, err)
		}
		d := got.Stacks[0].Diagnostics
		if builtIn && len(d) == 0 {
			continue
		}
		if len(d) != 1 || d[0].Code != diag.CertificateNotFound || !strings.Contains(d[0].Text, "00000000dead in this") ||
			d[0].Path != "metadata.annotations[alb.ingress.kubernetes.io/certificate-arn]" || d[0].Object.Kind != "Ingress" {
			t.Errorf("built-in: %t: %+v", builtIn, d)
		}
	}
}
