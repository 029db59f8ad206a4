package account

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/domainname"
)

// validationTimeout is how long ACM waits for a domain to be validated.
const validationTimeout = 72 * time.Hour

// CertificateLife is how long a certificate of ACM is valid: 13 months.
const CertificateLife = 395 * 24 * time.Hour

// ValidationRecord is the CNAME record by which this account proves that it owns a name. It depends on nothing but
// account and name; a wildcard has that of its apex.
func (a *Account) ValidationRecord(name string) (record, value string) {
	apex := strings.ToLower(strings.TrimPrefix(name, "*."))
	digits := func(what string, n int) string {
		sum := sha256.Sum256([]byte(what + "\x00" + a.ID + "\x00" + apex))
		return hex.EncodeToString(sum[:])[:n]
	}
	letters := []byte(digits("zone", 10))
	for i, c := range letters {
		if c <= '9' {
			letters[i] = 'g' + c - '0'
		}
	}
	return "_" + digits("name", 32) + "." + apex + ".", "_" + digits("value", 32) + "." + string(letters) +
		".acm-validations.aws."
}

// SettleCertificates brings every certificate to its state of now. It needs the account's lock, as all of these.
func (a *Account) SettleCertificates() {
	for _, c := range a.Certificates {
		a.settle(c)
	}
}

// settle makes the transitions of a certificate that are due: nothing else than time and DNS issues one.
func (a *Account) settle(c *Certificate) {
	now := a.Clock.Now()
	if c.Status == "PENDING_VALIDATION" {
		a.settlePending(c, now)
	}
	for c.Status == "ISSUED" && !c.NotAfter.IsZero() && !now.Before(c.NotAfter) {
		if !a.renewable(c, now) {
			c.Status = "EXPIRED"
			return
		}
		a.Renew(c, c.NotAfter)
	}
}

func (a *Account) settlePending(c *Certificate, now time.Time) {
	at, reason := a.issuance(c, now)
	deadline := c.Created.Add(validationTimeout)
	switch {
	case reason != "":
		c.Status, c.FailureReason = "FAILED", reason
	case !at.IsZero() && !now.Before(at) && (at.Before(deadline) || at.Equal(c.IssuesAt)):
		c.Status, c.Issued = "ISSUED", at
		c.NotBefore, c.NotAfter = at, at.Add(CertificateLife)
	case !now.Before(deadline):
		c.Status = "VALIDATION_TIMED_OUT"
	}
}

// issuance is when a pending certificate is issued, zero if nothing that is known now leads there, or why it never will
// be.
func (a *Account) issuance(c *Certificate, now time.Time) (at time.Time, reason string) {
	switch {
	case a.Trouble.CertificatesStuck:
		return time.Time{}, ""
	case !c.IssuesAt.IsZero():
		return c.IssuesAt, ""
	case c.ValidationMethod != "DNS":
		return time.Time{}, ""
	}
	for _, name := range c.AlternativeNames {
		since, ok := a.validatedSince(name)
		if !ok {
			return time.Time{}, ""
		}
		at = later(at, since)
	}
	at = later(at, c.Created).Add(a.Profile.CertificateIssue)
	if !now.Before(at) && slices.ContainsFunc(c.AlternativeNames, a.issueForbidden) {
		return time.Time{}, "CAA_ERROR"
	}
	return at, ""
}

// validatedSince is the time since when public DNS has the validation record of a name.
func (a *Account) validatedSince(name string) (time.Time, bool) {
	record, value := a.ValidationRecord(name)
	canonical, err := domainname.Canonical(record)
	if err != nil {
		return time.Time{}, false
	}
	found, ok := a.FindRecords(canonical, "")
	if !ok {
		return time.Time{}, false
	}
	for _, r := range found.Records {
		if r.Type == "CNAME" && slices.ContainsFunc(r.Values, func(v string) bool {
			return strings.EqualFold(strings.TrimSuffix(v, ".")+".", value)
		}) {
			return r.Since, true
		}
	}
	return time.Time{}, false
}

// Validated reports whether public DNS has the validation record of a name now.
func (a *Account) Validated(name string) bool {
	_, ok := a.validatedSince(name)
	return ok
}

// authorities are the names by which CAA records permit ACM.
var authorities = []string{"amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"}

// issueForbidden reports whether the CAA records nearest to the name permit no authority of Amazon (RFC 8659).
func (a *Account) issueForbidden(name string) bool {
	wildcard := strings.HasPrefix(name, "*.")
	canonical, err := domainname.Canonical(strings.TrimPrefix(name, "*."))
	if err != nil {
		return false
	}
	for ; canonical != "."; canonical = domainname.Parent(canonical) {
		found, _ := a.FindRecords(canonical, "")
		var values []string
		for _, r := range found.Records {
			if r.Type == "CAA" {
				values = append(values, r.Values...)
			}
		}
		if len(values) > 0 {
			return !permits(values, wildcard)
		}
	}
	return false
}

// permits evaluates CAA records such as `0 issue "amazon.com"`; issuewild takes the place of issue for wildcards.
func permits(values []string, wildcard bool) bool {
	property := func(tag string) (permitted, present bool) {
		for _, v := range values {
			fields := strings.Fields(v)
			if len(fields) < 3 || !strings.EqualFold(fields[1], tag) {
				continue
			}
			present = true
			authority, _, _ := strings.Cut(strings.Trim(strings.Join(fields[2:], " "), `"`), ";")
			permitted = permitted || slices.Contains(authorities, strings.ToLower(strings.TrimSpace(authority)))
		}
		return permitted, present
	}
	if wildcard {
		if permitted, present := property("issuewild"); present {
			return permitted
		}
	}
	permitted, present := property("issue")
	return permitted || !present
}

// renewable reports whether ACM renews a certificate by itself: one of its own that a load balancer uses and whose
// validation records are still there.
func (a *Account) renewable(c *Certificate, now time.Time) bool {
	if c.Type != "AMAZON_ISSUED" || len(a.CertificateUsers(c.ARN)) == 0 {
		return false
	}
	if c.ValidationMethod == "" {
		return true // described as issued, without a history
	}
	at, reason := a.issuance(c, now)
	return reason == "" && !at.IsZero()
}

// Renew makes a new certificate for the same names, valid from that time, under the same ARN.
func (a *Account) Renew(c *Certificate, from time.Time) {
	c.Renewed, c.NotBefore, c.NotAfter, c.Pair = from, from, from.Add(CertificateLife), nil
}
