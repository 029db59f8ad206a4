package facts

import (
	"maps"
	"slices"
	"strings"
)

// Covers reports whether a certificate's domain covers a host: they are equal, or the domain is a wildcard for exactly one
// label. Case matters.
func Covers(domain, host string) bool {
	if domain == host {
		return true
	}
	parent, wild := strings.CutPrefix(domain, "*.")
	_, rest, dotted := strings.Cut(host, ".")
	return wild && dotted && rest == parent
}

// DiscoverCertificates returns the ARNs of all issued certificates that cover any of the hosts, ascending, and the hosts
// that none covers. With authorities, only certificates of these count. f.Certificates must be loaded.
func DiscoverCertificates(f Facts, hosts, authorities []string) (arns, uncovered []string) {
	all := slices.Sorted(maps.Keys(f.Certificates))
	found := map[string]bool{}
	for _, host := range hosts {
		covered := false
		for _, arn := range all {
			c := f.Certificates[arn]
			if c.Status != "" && c.Status != "ISSUED" || len(authorities) > 0 && !slices.Contains(authorities, c.CA) {
				continue
			}
			if slices.ContainsFunc(c.Domains, func(d string) bool { return Covers(d, host) }) {
				covered = true
				found[arn] = true
			}
		}
		if !covered {
			uncovered = append(uncovered, host)
		}
	}
	return slices.Sorted(maps.Keys(found)), uncovered
}
