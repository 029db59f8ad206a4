package account

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/hostedzone"
	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// InSync reports whether every name server has a change.
func (a *Account) InSync(c *hostedzone.Change) bool {
	return c.Synced(a.Clock.Now(), a.Trouble.ChangesStuck)
}

// FindRecords looks a canonical name up as name servers answer it now: the public ones when vpc is empty, else the
// resolver of that VPC, for which a private zone hides public ones. False: no hosted zone has the name.
func (a *Account) FindRecords(name, vpc string) (hostedzone.Found, bool) {
	return a.Find(name, vpc, a.InSync)
}

// SetRecords makes the zone's content be records and files the change. Record sets that were there before keep their
// Since. Certificates that wait for a record are judged before, since it may go.
func (a *Account) SetRecords(z *hostedzone.Zone, records []*hostedzone.RecordSet, comment string) *hostedzone.Change {
	a.SettleCertificates()
	c := a.NewRecordChange(comment)
	z.SetRecords(records, c, a.InSync)
	z.BusyUntil = a.Clock.Now().Add(a.Profile.RecordBatch)
	return c
}

// NewRecordChange files a change of now.
func (a *Account) NewRecordChange(comment string) *hostedzone.Change {
	now := a.Clock.Now()
	c := &hostedzone.Change{ID: a.newZoneID("C"), Comment: comment, Submitted: now, DueAt: now.Add(a.Profile.RecordSync)}
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
func (a *Account) AddHostedZone(z *hostedzone.Zone) *hostedzone.Change {
	if z.ID == "" {
		z.ID = a.newZoneID("Z")
	}
	resource.Put(&a.HostedZones, z.ID, z)
	c := a.SetRecords(z, z.ApexRecords(), z.Comment)
	z.BusyUntil = time.Time{}
	return c
}

// RemoveHostedZone removes a zone with all its records.
func (a *Account) RemoveHostedZone(z *hostedzone.Zone) *hostedzone.Change {
	a.SettleCertificates()
	delete(a.HostedZones, z.ID)
	return a.NewRecordChange("")
}
