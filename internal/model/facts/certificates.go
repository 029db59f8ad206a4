package facts

import (
	"maps"
	"slices"
	"strings"
)

// Statuses of certificates in ACM.
const (
	Issued  = "ISSUED"             // a listener can use the certificate
	Pending = "PENDING_VALIDATION" // ACM has not issued the certificate yet
	// Expired is a certificate that listeners keep until another one replaces it. AWS attaches it to no listener.
	Expired = "EXPIRED"
)

// Names are names of certificates.
type Names map[string]bool

// Add adds names.
func (n Names) Add(names ...string) {
	for _, name := range names {
		n[name] = true
	}
}

// Cover reports whether one of the names covers a host: it is equal, or a wildcard for exactly one label. Case matters.
func (n Names) Cover(host string) bool {
	if n[host] {
		return true
	}
	wild, ok := Wildcard(host)
	return ok && n[wild]
}

// Wildcard returns the wildcard that covers a host; ok is false if there is none.
func Wildcard(host string) (name string, ok bool) {
	_, parent, dotted := strings.Cut(host, ".")
	return "*." + parent, dotted
}

// CertificateIndex finds certificates by name without visiting all of them. It is immutable.
type CertificateIndex struct {
	byName map[string][]string // ARNs, ascending
}

// IndexCertificates returns the index of certificates by ARN.
func IndexCertificates(all map[string]Certificate) *CertificateIndex {
	x := &CertificateIndex{byName: make(map[string][]string, len(all))}
	for _, arn := range slices.Sorted(maps.Keys(all)) {
		for _, name := range all[arn].Domains {
			if arns := x.byName[name]; len(arns) == 0 || arns[len(arns)-1] != arn {
				x.byName[name] = append(arns, arn)
			}
		}
	}
	return x
}

// Covering lists the certificates one of whose names covers a host, ascending.
func (x *CertificateIndex) Covering(host string) []string {
	out := slices.Clone(x.byName[host])
	if wild, ok := Wildcard(host); ok {
		out = append(out, x.byName[wild]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// DiscoverCertificates returns the ARNs of all issued certificates that cover any of the hosts, ascending, and the
// hosts that none covers. If authorities are given, only their certificates count. Certificates that stacks own never
// count. f.Certificates must be loaded.
func DiscoverCertificates(f Facts, hosts, authorities []string) (arns, uncovered []string) {
	index := f.Index
	if index == nil {
		index = IndexCertificates(f.Certificates)
	}
	for _, host := range hosts {
		covered := false
		for _, arn := range index.Covering(host) {
			c := f.Certificates[arn]
			if !c.Discoverable() || len(authorities) > 0 && !slices.Contains(authorities, c.CA) {
				continue
			}
			covered = true
			arns = append(arns, arn)
		}
		if !covered {
			uncovered = append(uncovered, host)
		}
	}
	slices.Sort(arns)
	return slices.Compact(arns), uncovered
}

// Discoverable reports whether a listener of any stack may use the certificate: it is issued, and no stack owns it.
func (c Certificate) Discoverable() bool { return (c.Status == "" || c.Status == Issued) && !c.Owned }

// Issued reports whether a listener can use the certificate.
func (c OwnCertificate) Issued() bool { return c.Status == Issued }

// ZoneOf returns the hosted zone that a record of a name belongs to: the one with the longest name that is the name
// itself or ends it. Of zones with equal names the one with the lowest id counts. ok is false if there is none.
func ZoneOf(zones []HostedZone, name string) (zone HostedZone, ok bool) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	for _, z := range zones {
		if name != z.Name && !strings.HasSuffix(name, "."+z.Name) {
			continue
		}
		if !ok || len(z.Name) > len(zone.Name) || len(z.Name) == len(zone.Name) && z.ID < zone.ID {
			zone, ok = z, true
		}
	}
	return zone, ok
}
