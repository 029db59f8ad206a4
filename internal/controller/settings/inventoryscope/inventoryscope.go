// Package inventoryscope turns flags into the configuration of the inventory: whose resources it reads. It is not a
// part of settings, because programs that only compile must not link AWS clients.
package inventoryscope

import (
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Of returns the configuration. The caller sets the clock and AddOnTimeout.
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
