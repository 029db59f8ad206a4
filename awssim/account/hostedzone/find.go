package hostedzone

import (
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/awssim/account/domainname"
)

// Found is what a zone's name servers have for a name.
type Found struct {
	Zone     *Zone
	Records  []*RecordSet // of all types; a wildcard's have the wildcard's name
	Exists   bool         // there is a record of the name, or of a name below it
	Referral *RecordSet   // the NS record set of a part of the zone that is delegated; the other fields are empty then
}

// Find looks a canonical name up as name servers answer it now: the public ones when vpc is empty, else the resolver
// of that VPC, for which a private zone hides public ones. synced reports whether
// name servers have a change. False: no hosted zone has the name.
func (d *Domains) Find(name, vpc string, synced func(*Change) bool) (Found, bool) {
	z := d.zoneFor(name, vpc, synced)
	if z == nil {
		return Found{}, false
	}
	f := Found{Zone: z}
	published, _ := z.published(synced)
	for cut := domainname.Parent(name); !z.Private && domainname.Within(cut, z.Name) &&
		cut != z.Name; cut = domainname.Parent(cut) {
		f.Referral = delegation(published, cut, f.Referral)
	}
	if name != z.Name {
		f.Referral = delegation(published, name, f.Referral)
	}
	if f.Referral != nil {
		f.Exists = true
		return f, true
	}
	f.Records, f.Exists = recordsAt(published, name)
	// RFC 4592: a wildcard stands for names whose closest existing ancestor is the wildcard's parent.
	for above := domainname.Parent(name); !f.Exists && domainname.Within(above, z.Name); above = domainname.Parent(above) {
		if records, _ := recordsAt(published, `\052.`+above); len(records) > 0 {
			f.Records, f.Exists = records, true
		}
		if _, closest := recordsAt(published, above); closest || above == "." {
			break
		}
	}
	return f, true
}

// delegation is the NS record set of a name, or other when it has none. The one nearest to the zone's apex wins.
func delegation(records []*RecordSet, name string, other *RecordSet) *RecordSet {
	at, _ := recordsAt(records, name)
	if i := slices.IndexFunc(at, func(r *RecordSet) bool { return r.Type == NS }); i >= 0 &&
		(other == nil || len(name) < len(other.Name)) {
		return at[i]
	}
	return other
}

// zoneFor is the zone that answers for a name: a private one before a public one, the one with the longest name, and of
// several of the same name one that has the name in question.
func (d *Domains) zoneFor(name, vpc string, synced func(*Change) bool) *Zone {
	var best *Zone
	better := func(z *Zone) bool {
		switch {
		case best == nil:
			return true
		case z.Private != best.Private:
			return z.Private
		case len(z.Name) != len(best.Name):
			return len(z.Name) > len(best.Name)
		}
		return name != z.Name && z.has(name, synced) && !best.has(name, synced)
	}
	for _, id := range slices.Sorted(maps.Keys(d.HostedZones)) {
		z := d.HostedZones[id]
		if _, published := z.published(synced); published && domainname.Within(name, z.Name) && z.answers(vpc) && better(z) {
			best = z
		}
	}
	return best
}

// answers reports whether that VPC's resolver, or the internet's for "", uses the zone.
func (z *Zone) answers(vpc string) bool {
	return !z.Private || vpc != "" && slices.ContainsFunc(z.VPCs, func(v VPC) bool { return v.ID == vpc })
}

func (z *Zone) has(name string, synced func(*Change) bool) bool {
	published, _ := z.published(synced)
	_, has := recordsAt(published, name)
	return has
}
