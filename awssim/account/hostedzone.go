package account

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/domainname"
	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// Domains is what Route 53 holds: hosted zones with their record sets, and the changes made to them. Its methods need the
// account's lock. The zero value is empty and ready.
type Domains struct {
	HostedZones   map[string]*HostedZone   // by id, without "/hostedzone/"
	RecordChanges map[string]*RecordChange // by id, without "/change/"
}

// RecordChange is a change on its way to the name servers.
type RecordChange struct {
	ID        string
	Comment   string
	Submitted time.Time
	DueAt     time.Time // when every name server has it, unless trouble holds it up

	synced bool
}

// ZoneVPC is a network whose resolver answers a private zone.
type ZoneVPC struct{ ID, Region string }

// HostedZone is one zone of Route 53.
type HostedZone struct {
	ID              string
	Name            string // canonical
	CallerReference string
	Comment         string
	Private         bool
	VPCs            []ZoneVPC // of a private zone
	NameServers     []string  // of a public zone, without a dot at the end
	Tags            map[string]string
	BusyUntil       time.Time // until then the last batch of changes is being taken

	versions []zoneVersion // the last one is what the API shows
}

// zoneVersion is the whole content of a zone from some time on; it is not changed any more.
type zoneVersion struct {
	change  *RecordChange // that brings it to the name servers
	records []*RecordSet  // in order
}

// RecordSet is one resource record set. It is not changed once it is in a zone.
type RecordSet struct {
	Name          string // canonical
	Type          string // A, AAAA, CNAME, …
	SetIdentifier string // distinguishes sets of one name and type that have a routing policy
	TTL           int64  // seconds; 0 for an alias
	Values        []string
	Alias         *RecordAlias // instead of values
	Routing       RecordRouting
	Since         time.Time // when name servers have it
}

// RecordAlias leads to a load balancer, an accelerator, or another record set of the same zone.
type RecordAlias struct {
	HostedZoneID         string
	DNSName              string // canonical
	EvaluateTargetHealth bool
}

// RecordRouting is the routing policy; the zero value is simple routing.
type RecordRouting struct {
	Weight                          *int64
	Region                          string // latency
	Failover                        string // PRIMARY, SECONDARY
	MultiValue                      *bool
	Continent, Country, Subdivision string // geolocation
}

// Policy is the routing policy's name in the API; "" is simple routing.
func (r RecordRouting) Policy() string {
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
	RecordNS  = "NS"
	RecordSOA = "SOA"
)

const (
	nameServerTTL = 172800
	authorityTTL  = 900
)

// order is the order in which Route 53 lists record sets.
func (r *RecordSet) order(o *RecordSet) int {
	return cmp.Or(cmp.Compare(domainname.Key(r.Name), domainname.Key(o.Name)), cmp.Compare(r.Type, o.Type), cmp.Compare(r.SetIdentifier, o.SetIdentifier))
}

// Records are the zone's record sets as the API shows them, in Route 53's order. The slice must not be changed.
func (z *HostedZone) Records() []*RecordSet {
	if len(z.versions) == 0 {
		return nil
	}
	return z.versions[len(z.versions)-1].records
}

// InSync reports whether every name server has a change.
func (a *Account) InSync(c *RecordChange) bool {
	if !c.synced && !a.Trouble.ChangesStuck && !a.Clock.Now().Before(c.DueAt) {
		c.synced = true
	}
	return c.synced
}

// published are a zone's record sets as name servers have them now; false before the zone is on any.
func (a *Account) published(z *HostedZone) ([]*RecordSet, bool) {
	for _, v := range slices.Backward(z.versions) {
		if a.InSync(v.change) {
			return v.records, true
		}
	}
	return nil, false
}

// recordsAt are the record sets of a canonical name among sorted ones, and whether the name exists: it does also when there
// are names below it.
func recordsAt(sorted []*RecordSet, name string) (found []*RecordSet, exists bool) {
	key := domainname.Key(name)
	i, _ := slices.BinarySearchFunc(sorted, key, func(r *RecordSet, k string) int { return cmp.Compare(domainname.Key(r.Name), k) })
	for ; i < len(sorted) && sorted[i].Name == name; i++ {
		found = append(found, sorted[i])
	}
	if len(found) > 0 {
		return found, true
	}
	return nil, i < len(sorted) && domainname.Within(sorted[i].Name, name)
}

// SetRecords makes the zone's content be records and files the change. Record sets that were there before keep their Since.
// Certificates that wait for a record are judged before, since it may go.
func (a *Account) SetRecords(z *HostedZone, records []*RecordSet, comment string) *RecordChange {
	a.SettleCertificates()
	c := a.NewRecordChange(comment)
	for _, r := range records {
		if r.Since.IsZero() {
			r.Since = c.DueAt
		}
	}
	sorted := slices.SortedFunc(slices.Values(records), (*RecordSet).order)
	// Of what name servers have by now, only the newest is of interest.
	for len(z.versions) > 1 && a.InSync(z.versions[1].change) {
		z.versions = z.versions[1:]
	}
	z.versions = append(z.versions, zoneVersion{change: c, records: sorted})
	z.BusyUntil = a.Clock.Now().Add(a.Profile.RecordBatch)
	return c
}

// NewRecordChange files a change of now.
func (a *Account) NewRecordChange(comment string) *RecordChange {
	now := a.Clock.Now()
	c := &RecordChange{ID: a.newZoneID("C"), Comment: comment, Submitted: now, DueAt: now.Add(a.Profile.RecordSync)}
	resource.Put(&a.RecordChanges, c.ID, c)
	return c
}

// newZoneID is an id of Route 53: the letter and twenty more letters and digits, as repeatable as NewID.
func (a *Account) newZoneID(letter string) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	sum := sha256.Sum256(fmt.Appendf(nil, "route53/%s/%d", letter, a.NextNumber()))
	id := []byte(letter + "0")
	for _, b := range sum[:19] {
		id = append(id, alphabet[int(b)%len(alphabet)])
	}
	return string(id)
}

// AddHostedZone files a zone with the records that every zone has. An empty id gets a new one; a public zone gets name
// servers. It returns the change that brings the zone to them.
func (a *Account) AddHostedZone(z *HostedZone) *RecordChange {
	if z.ID == "" {
		z.ID = a.newZoneID("Z")
	}
	servers := []string{"ns-0.awsdns-00.com", "ns-512.awsdns-00.net", "ns-1024.awsdns-00.org", "ns-1536.awsdns-00.co.uk"}
	if !z.Private {
		sum := sha256.Sum256([]byte(z.ID))
		for i, tail := range []string{"com", "net", "org", "co.uk"} {
			servers[i] = fmt.Sprintf("ns-%d.awsdns-%02d.%s", i*512+int(sum[2*i])*2, sum[2*i+1]%64, tail)
		}
		z.NameServers = servers
	}
	ns := &RecordSet{Name: z.Name, Type: RecordNS, TTL: nameServerTTL}
	for _, s := range servers {
		ns.Values = append(ns.Values, s+".")
	}
	soa := &RecordSet{
		Name: z.Name, Type: RecordSOA, TTL: authorityTTL,
		Values: []string{servers[0] + ". awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"},
	}
	resource.Put(&a.HostedZones, z.ID, z)
	c := a.SetRecords(z, []*RecordSet{ns, soa}, z.Comment)
	z.BusyUntil = time.Time{}
	return c
}

// Establish makes a zone have been there all along: name servers have what it holds.
func (a *Account) Establish(z *HostedZone) {
	for _, v := range z.versions {
		v.change.synced = true
	}
	z.BusyUntil = time.Time{}
}

// RemoveHostedZone removes a zone with all its records.
func (a *Account) RemoveHostedZone(z *HostedZone) *RecordChange {
	a.SettleCertificates()
	delete(a.HostedZones, z.ID)
	return a.NewRecordChange("")
}
