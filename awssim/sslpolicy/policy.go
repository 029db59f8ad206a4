// Package sslpolicy is the table of Elastic Load Balancing's predefined security policies: TLS versions, cipher suites
// and key exchanges of each. It describes and negotiates nothing. It imports nothing but crypto/tls and pure parts of
// the standard library.
package sslpolicy

import (
	"crypto/tls"
	"slices"
	"strings"
)

// Default is the policy of a listener that names none.
const Default = "ELBSecurityPolicy-2016-08"

// prefix of every name.
const prefix = "ELBSecurityPolicy-"

// Policy is one security policy.
type Policy struct {
	Name      string
	Low, High uint16   // TLS versions as crypto/tls numbers them
	Ciphers   []string // OpenSSL's names, in the order of preference
	// PostQuantum policies offer hybrid ML-KEM key exchanges.
	PostQuantum bool
}

// sets are the building blocks of policies, in the order of preference within a policy.
var sets = map[rune][]string{
	'A': {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"},
	'F': {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"},
	'G': {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
		"ECDHE-RSA-AES256-GCM-SHA384"},
	'C': {"ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA384"},
	'S': {"ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA"},
	'R': {"AES128-GCM-SHA256", "AES128-SHA256", "AES256-GCM-SHA384", "AES256-SHA256"},
	'r': {"AES128-SHA", "AES256-SHA"},
	'3': {"DES-CBC3-SHA"},
}

// rows are name without the prefix, lowest and highest minor version of TLS 1, cipher sets.
var rows = []struct {
	name      string
	low, high uint16
	ciphers   string
}{
	{"TLS13-1-3-2021-06", 3, 3, "A"},
	{"TLS13-1-2-2021-06", 2, 3, "AGC"},
	{"TLS13-1-2-Res-2021-06", 2, 3, "AG"},
	{"TLS13-1-2-Ext1-2021-06", 2, 3, "AGCR"},
	{"TLS13-1-2-Ext2-2021-06", 2, 3, "AGCSRr"},
	{"TLS13-1-1-2021-06", 1, 3, "AGCSRr"},
	{"TLS13-1-0-2021-06", 0, 3, "AGCSRr"},
	{"TLS13-1-3-PQ-2025-09", 3, 3, "A"},
	{"TLS13-1-2-PQ-2025-09", 2, 3, "AGC"},
	{"TLS13-1-2-Res-PQ-2025-09", 2, 3, "AG"},
	{"TLS13-1-2-Ext1-PQ-2025-09", 2, 3, "AGCR"},
	{"TLS13-1-2-Ext2-PQ-2025-09", 2, 3, "AGCSRr"},
	{"TLS13-1-0-PQ-2025-09", 0, 3, "AGCSRr"},
	{"TLS13-1-3-FIPS-2023-04", 3, 3, "F"},
	{"TLS13-1-2-FIPS-2023-04", 2, 3, "FGC"},
	{"TLS13-1-2-Res-FIPS-2023-04", 2, 3, "FG"},
	{"TLS13-1-2-Ext0-FIPS-2023-04", 2, 3, "FGCS"},
	{"TLS13-1-2-Ext1-FIPS-2023-04", 2, 3, "FGCR"},
	{"TLS13-1-2-Ext2-FIPS-2023-04", 2, 3, "FGCSRr"},
	{"TLS13-1-1-FIPS-2023-04", 1, 3, "FGCSRr"},
	{"TLS13-1-0-FIPS-2023-04", 0, 3, "FGCSRr"},
	{"TLS13-1-3-FIPS-PQ-2025-09", 3, 3, "F"},
	{"TLS13-1-2-FIPS-PQ-2025-09", 2, 3, "FGC"},
	{"TLS13-1-2-Res-FIPS-PQ-2025-09", 2, 3, "FG"},
	{"TLS13-1-2-Ext0-FIPS-PQ-2025-09", 2, 3, "FGCS"},
	{"TLS13-1-2-Ext1-FIPS-PQ-2025-09", 2, 3, "FGCR"},
	{"TLS13-1-2-Ext2-FIPS-PQ-2025-09", 2, 3, "FGCSRr"},
	{"TLS13-1-0-FIPS-PQ-2025-09", 0, 3, "FGCSRr"},
	{"TLS-1-2-Ext-2018-06", 2, 2, "GCSRr"},
	{"TLS-1-2-2017-01", 2, 2, "GCR"},
	{"TLS-1-1-2017-01", 1, 2, "GCSRr"},
	{"2016-08", 0, 2, "GCSRr"},
	{"2015-05", 0, 2, "GCSRr"},
	{"TLS-1-0-2015-04", 0, 2, "GCSRr3"},
	{"FS-1-2-Res-2020-10", 2, 2, "G"},
	{"FS-1-2-Res-2019-08", 2, 2, "GC"},
	{"FS-1-2-2019-08", 2, 2, "GCS"},
	{"FS-1-1-2019-08", 1, 2, "GCS"},
	{"FS-2018-06", 0, 2, "GCS"},
}

var all = func() []Policy {
	out := make([]Policy, 0, len(rows))
	for _, r := range rows {
		p := Policy{Name: prefix + r.name, Low: tls.VersionTLS10 + r.low, High: tls.VersionTLS10 + r.high,
			PostQuantum: strings.Contains(r.name, "-PQ-")}
		for _, set := range r.ciphers {
			p.Ciphers = append(p.Ciphers, sets[set]...)
		}
		out = append(out, p)
	}
	return out
}()

// All lists the policies in the order of the API. It is shared: callers must not change it.
func All() []Policy { return all }

// Named finds a policy by its full name.
func Named(name string) (Policy, bool) {
	i := slices.IndexFunc(all, func(p Policy) bool { return p.Name == name })
	if i < 0 {
		return Policy{}, false
	}
	return all[i], true
}
