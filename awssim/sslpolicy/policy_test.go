package sslpolicy

import (
	"crypto/tls"
	"slices"
	"strings"
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
		if !ok || p.Low != want.low || p.High != want.high || len(p.Ciphers) != want.ciphers ||
			p.PostQuantum != want.postQuantum {
			t.Errorf("%s: %+v, want %+v", name, p, want)
		}
	}
	if _, ok := Named("TLS13"); ok || len(All()) != 39 {
		t.Errorf("%d policies, and a half name is one: %v", len(All()), ok)
	}
}

// letters are sets of cipher suites, written as in policyRows.
var letters = map[string]string{
	"A":  "TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256",
	"A'": "TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384",
	"G": "ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 " +
		"ECDHE-RSA-AES256-GCM-SHA384",
	"C": "ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256 ECDHE-ECDSA-AES256-SHA384 ECDHE-RSA-AES256-SHA384",
	"S": "ECDHE-ECDSA-AES128-SHA ECDHE-RSA-AES128-SHA ECDHE-ECDSA-AES256-SHA ECDHE-RSA-AES256-SHA",
	"R": "AES128-GCM-SHA256 AES128-SHA256 AES256-GCM-SHA384 AES256-SHA256", "r": "AES128-SHA AES256-SHA",
	"3": "DES-CBC3-SHA",
}

// policyRows are every predefined policy without its prefix, its versions of TLS, and its sets of cipher suites: user
// guide, "Security policies for your Application Load Balancer".
var policyRows = []struct{ name, versions, ciphers string }{
	{"TLS13-1-3-2021-06", "1.3", "A"},
	{"TLS13-1-2-2021-06", "1.3 1.2", "A G C"},
	{"TLS13-1-2-Res-2021-06", "1.3 1.2", "A G"},
	{"TLS13-1-2-Ext1-2021-06", "1.3 1.2", "A G C R"},
	{"TLS13-1-2-Ext2-2021-06", "1.3 1.2", "A G C S R r"},
	{"TLS13-1-1-2021-06", "1.3 1.2 1.1", "A G C S R r"},
	{"TLS13-1-0-2021-06", "1.3 1.2 1.1 1.0", "A G C S R r"},
	{"TLS13-1-3-PQ-2025-09", "1.3", "A"},
	{"TLS13-1-2-PQ-2025-09", "1.3 1.2", "A G C"},
	{"TLS13-1-2-Res-PQ-2025-09", "1.3 1.2", "A G"},
	{"TLS13-1-2-Ext1-PQ-2025-09", "1.3 1.2", "A G C R"},
	{"TLS13-1-2-Ext2-PQ-2025-09", "1.3 1.2", "A G C S R r"},
	{"TLS13-1-0-PQ-2025-09", "1.3 1.2 1.1 1.0", "A G C S R r"},
	{"TLS13-1-3-FIPS-2023-04", "1.3", "A'"},
	{"TLS13-1-2-FIPS-2023-04", "1.3 1.2", "A' G C"},
	{"TLS13-1-2-Res-FIPS-2023-04", "1.3 1.2", "A' G"},
	{"TLS13-1-2-Ext0-FIPS-2023-04", "1.3 1.2", "A' G C S"},
	{"TLS13-1-2-Ext1-FIPS-2023-04", "1.3 1.2", "A' G C R"},
	{"TLS13-1-2-Ext2-FIPS-2023-04", "1.3 1.2", "A' G C S R r"},
	{"TLS13-1-1-FIPS-2023-04", "1.3 1.2 1.1", "A' G C S R r"},
	{"TLS13-1-0-FIPS-2023-04", "1.3 1.2 1.1 1.0", "A' G C S R r"},
	{"TLS13-1-3-FIPS-PQ-2025-09", "1.3", "A'"},
	{"TLS13-1-2-FIPS-PQ-2025-09", "1.3 1.2", "A' G C"},
	{"TLS13-1-2-Res-FIPS-PQ-2025-09", "1.3 1.2", "A' G"},
	{"TLS13-1-2-Ext0-FIPS-PQ-2025-09", "1.3 1.2", "A' G C S"},
	{"TLS13-1-2-Ext1-FIPS-PQ-2025-09", "1.3 1.2", "A' G C R"},
	{"TLS13-1-2-Ext2-FIPS-PQ-2025-09", "1.3 1.2", "A' G C S R r"},
	{"TLS13-1-0-FIPS-PQ-2025-09", "1.3 1.2 1.1 1.0", "A' G C S R r"},
	{"TLS-1-2-Ext-2018-06", "1.2", "G C S R r"},
	{"TLS-1-2-2017-01", "1.2", "G C R"},
	{"TLS-1-1-2017-01", "1.2 1.1", "G C S R r"},
	{"2016-08", "1.2 1.1 1.0", "G C S R r"},
	{"2015-05", "1.2 1.1 1.0", "G C S R r"},
	{"TLS-1-0-2015-04", "1.2 1.1 1.0", "G C S R r 3"},
	{"FS-1-2-Res-2020-10", "1.2", "G"},
	{"FS-1-2-Res-2019-08", "1.2", "G C"},
	{"FS-1-2-2019-08", "1.2", "G C S"},
	{"FS-1-1-2019-08", "1.2 1.1", "G C S"},
	{"FS-2018-06", "1.2 1.1 1.0", "G C S"},
}

func TestEveryPolicyHasItsVersionsAndCiphers(t *testing.T) {
	t.Parallel()
	numbers := map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12,
		"1.3": tls.VersionTLS13}
	for _, r := range policyRows {
		p, ok := Named("ELBSecurityPolicy-" + r.name)
		versions := strings.Fields(r.versions)
		var ciphers []string
		for letter := range strings.FieldsSeq(r.ciphers) {
			ciphers = append(ciphers, strings.Fields(letters[letter])...)
		}
		if !ok || p.High != numbers[versions[0]] || p.Low != numbers[versions[len(versions)-1]] || int(p.High-p.Low)+
			1 != len(versions) ||
			!slices.Equal(p.Ciphers, ciphers) || p.PostQuantum != strings.Contains(r.name, "PQ") {
			t.Errorf("%s: %+v, want versions %s and %v", r.name, p, r.versions, ciphers)
		}
	}
	if len(policyRows) != len(All()) {
		t.Errorf("%d policies, want %d", len(All()), len(policyRows))
	}
}
