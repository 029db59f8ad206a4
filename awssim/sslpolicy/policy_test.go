package sslpolicy

import (
	"crypto/tls"
	"testing"
)

func TestPoliciesNameTheirVersionsAndCiphers(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		low, high   uint16
		ciphers     int
		postQuantum bool
	}{
		"ELBSecurityPolicy-TLS13-1-3-2021-06":         {tls.VersionTLS13, tls.VersionTLS13, 3, false},
		"ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09":  {tls.VersionTLS12, tls.VersionTLS13, 7, true},
		"ELBSecurityPolicy-TLS13-1-2-2021-06":         {tls.VersionTLS12, tls.VersionTLS13, 11, false},
		"ELBSecurityPolicy-TLS13-1-1-2021-06":         {tls.VersionTLS11, tls.VersionTLS13, 21, false},
		"ELBSecurityPolicy-TLS13-1-0-FIPS-2023-04":    {tls.VersionTLS10, tls.VersionTLS13, 20, false},
		"ELBSecurityPolicy-TLS-1-2-Ext-2018-06":       {tls.VersionTLS12, tls.VersionTLS12, 18, false},
		"ELBSecurityPolicy-FS-1-1-2019-08":            {tls.VersionTLS11, tls.VersionTLS12, 12, false},
		"ELBSecurityPolicy-FS-2018-06":                {tls.VersionTLS10, tls.VersionTLS12, 12, false},
		Default:                                       {tls.VersionTLS10, tls.VersionTLS12, 18, false},
		"ELBSecurityPolicy-TLS-1-0-2015-04":           {tls.VersionTLS10, tls.VersionTLS12, 19, false},
		"ELBSecurityPolicy-TLS13-1-3-FIPS-PQ-2025-09": {tls.VersionTLS13, tls.VersionTLS13, 2, true},
	} {
		p, ok := Named(name)
		if !ok || p.Low != want.low || p.High != want.high || len(p.Ciphers) != want.ciphers || p.PostQuantum != want.postQuantum {
			t.Errorf("%s: %+v, want %+v", name, p, want)
		}
	}
	if _, ok := Named("TLS13"); ok || len(All()) != 39 {
		t.Errorf("%d policies, and a half name is one: %v", len(All()), ok)
	}
}
