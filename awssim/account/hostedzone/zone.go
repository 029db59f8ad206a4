// Package hostedzone is Route 53's hosted zones with their record sets: what the API shows, what name servers have of
// it by now, and which record sets answer a name. It takes no calls and speaks no DNS. It imports only
// awssim/account/domainname.
package hostedzone

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/domainname"
)

// Domains is what Route 53 holds: hosted zones with their record sets, and the changes made to them. Its methods need
// the account's lock. The zero value is empty and ready.
type Domains struct {
	HostedZones   map[string]*Zone   // by id, without "/hostedzone/"
	RecordChanges map[string]*Change // by id, without "/change/"
}

// Change is a change on its way to the name servers.
type Change struct {
	ID        string
	Comment   string
	Submitted time.Time
	DueAt     time.Time // when every name server has it, unless trouble holds it up

	synced bool
}

// VPC is a network whose resolver answers a private zone.
type VPC struct{ ID, Region string }

// Zone is one zone of Route 53.
type Zone struct {
	ID              string
	Name            string // canonical
	CallerReference string
	Comment         string
	Private         bool
	VPCs            []VPC    // of a private zone
	NameServers     []string // of a public zone, without a dot at the end
	Tags            map[string]string
	BusyUntil       time.Time // until then the last batch of changes is being taken

	versions []zoneVersion // the last one is what the API shows
}

// zoneVersion is the whole content of a zone from some time on; it is not changed any more.
type zoneVersion struct {
	change  *Change      // that brings it to the name servers
	records []*RecordSet // in order
}

// RecordSet is one resource record set. It is not changed once it is in a zone.
type RecordSet struct {
	Name          string // canonical
	Type          string // A, AAAA, CNAME, …
	SetIdentifier string // distinguishes sets of one name and type that have a routing policy
	TTL           int64  // seconds; 0 for an alias
	Values        []string
	Alias         *Alias // instead of values
	Routing       Routing
	Since         time.Time // when name servers have it
}

// Alias leads to a load balancer, an accelerator, or another record set of the same zone.
type Alias struct {
	HostedZoneID         string
	DNSName              string // canonical
	EvaluateTargetHealth bool
}

// Routing is the routing policy; the zero value is simple routing.
type Routing struct {
	Weight                          *int64
	Region                          string // latency
	Failover                        string // PRIMARY, SECONDARY
	MultiValue                      *bool
	Continent, Country, Subdivision string // geolocation
}

// Policy is the routing policy's name in the API; "" is simple routing.
func (r Routing) Policy() string {
	switch {
	case r.Weight != nil:
		return "Weight"
	case r.Region != "":
		return "Region"
	case r.Failover != "":
		return "Failover"
	case r.MultiValue != nil:
		return "MultiValueAnswer"
	case r.Continent != "" || r.Country != "":
		return "GeoLocation"
	}
	return ""
}

// Types of the records that every hosted zone has at its apex.
const (
	NS  = "NS"
	SOA = "SOA"
)

const (
	nameServerTTL = 172800
	authorityTTL  = 900
)

// order is the order in which Route 53 lists record sets.
func (r *RecordSet) order(o *RecordSet) int {
	return cmp.Or(cmp.Compare(domainname.Key(r.Name), domainname.Key(o.Name)), cmp.Compare(r.Type, o.Type),
		cmp.Compare(r.SetIdentifier, o.SetIdentifier))
}

// Records are the zone's record sets as the API shows them, in Route 53's order. The slice must not be changed.
func (z *Zone) Records() []*RecordSet {
	if len(z.versions) == 0 {
		return nil
	}
	return z.versions[len(z.versions)-1].records
}

// recordsAt are the record sets of a canonical name among sorted ones, and whether the name exists: it does also when
// there are names below it.
func recordsAt(sorted []*RecordSet, name string) (found []*RecordSet, exists bool) {
	key := domainname.Key(name)
	i, _ := slices.BinarySearchFunc(sorted, key, func(r *RecordSet, k string) int {
		return cmp.Compare(domainname.Key(r.Name), k)
	})
	for ; i < len(sorted) && sorted[i].Name == name; i++ {
		found = append(found, sorted[i])
	}
	if len(found) > 0 {
		return found, true
	}
	return nil, i < len(sorted) && domainname.Within(sorted[i].Name, name)
}

// Synced reports whether every name server has the change at that time. A stuck change is held up until it is let go.
func (c *Change) Synced(now time.Time, stuck bool) bool {
	if !c.synced && !stuck && !now.Before(c.DueAt) {
		c.synced = true
	}
	return c.synced
}

// published are the zone's record sets as name servers have them now; false before the zone is on any.
func (z *Zone) published(synced func(*Change) bool) ([]*RecordSet, bool) {
	for _, v := range slices.Backward(z.versions) {
		if synced(v.change) {
			return v.records, true
		}
	}
	return nil, false
}

// SetRecords makes the zone's content be records from the change on. Record sets that were there before keep their
// Since.
func (z *Zone) SetRecords(records []*RecordSet, c *Change, synced func(*Change) bool) {
	for _, r := range records {
		if r.Since.IsZero() {
			r.Since = c.DueAt
		}
	}
	sorted := slices.SortedFunc(slices.Values(records), (*RecordSet).order)
	// Of what name servers have by now, only the newest is of interest.
	for len(z.versions) > 1 && synced(z.versions[1].change) {
		z.versions = z.versions[1:]
	}
	z.versions = append(z.versions, zoneVersion{change: c, records: sorted})
}

// Establish makes the zone have been there all along: name servers have what it holds.
func (z *Zone) Establish() {
	for _, v := range z.versions {
		v.change.synced = true
	}
	z.BusyUntil = time.Time{}
}

// ApexRecords are the record sets that every zone has. A public zone gets its name servers.
func (z *Zone) ApexRecords() []*RecordSet {
	servers := []string{"ns-0.awsdns-00.com", "ns-512.awsdns-00.net", "ns-1024.awsdns-00.org", "ns-1536.awsdns-00.co.uk"}
	if !z.Private {
		sum := sha256.Sum256([]byte(z.ID))
		for i, tail := range []string{"com", "net", "org", "co.uk"} {
			servers[i] = fmt.Sprintf("ns-%d.awsdns-%02d.%s", i*512+int(sum[2*i])*2, sum[2*i+1]%64, tail)
		}
		z.NameServers = servers
	}
	ns := &RecordSet{Name: z.Name, Type: NS, TTL: nameServerTTL}
	for _, s := range servers {
		ns.Values = append(ns.Values, s+".")
	}
	soa := &RecordSet{
		Name: z.Name, Type: SOA, TTL: authorityTTL,
		Values: []string{servers[0] + ". awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"},
	}
	return []*RecordSet{ns, soa}
}
