// Package inventoryscope says by flags whose resources the inventory reads.
// It is apart from settings, since who only compiles links no client of AWS.
package inventoryscope

import (
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Of says whose resources are meant and what may be asked about them; clock and AddOnTimeout are the caller's to fill
// in.
func Of(c *config.Config) inventory.Config {
	out := inventory.Config{
		Cluster: c.ClusterName, VPC: c.VPC,
		RequestCertificates: c.Gates.Enabled(config.EnableCertificateManagement), ImportCertificates: c.ImportsCertificates(),
		Authorities: len(c.AllowedCAs) > 0, TrustStores: c.TrustStores.Bucket != "",
		TaggingAPI: c.Gates.Enabled(config.EnableRGTAPI),
	}
	if !out.RequestCertificates && !c.ImportTLSSecrets {
		out.WithoutCertificates = []stack.Owner{stack.Ingress}
	}
	return out
}
