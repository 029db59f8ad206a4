package inventory

import "github.com/k8s-lbc/lbc/internal/config"

// FromFlags says whose resources are meant and what may be asked about them; clock and patience are the caller's to fill in.
func FromFlags(c *config.Config) Config {
	return Config{
		Cluster: c.ClusterName, VPC: c.VPC,
		RequestCertificates: c.Gates.Enabled(config.EnableCertificateManagement), ImportCertificates: c.ImportTLSSecrets,
		Authorities: len(c.AllowedCAs) > 0,
	}
}
