package seed

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account/domainname"
)

var zoneForm = regexp.MustCompile(`^Z[0-9A-Z]{1,31}$`)

func (f File) validateHostedZones(c *checker) {
	for i, z := range f.HostedZones {
		field := fmt.Sprintf("hostedZones[%d]", i)
		if !zoneForm.MatchString(z.ID) {
			c.complain(field+".id", z.ID, "is not the id of a hosted zone, such as Z0A1DE00000001")
		}
		c.unique(field+".id", z.ID)
		name, err := domainname.Canonical(z.Name)
		if err != nil || !strings.Contains(strings.TrimSuffix(name, "."), ".") {
			c.complain(field+".name", z.Name, "is not the name of a hosted zone, such as example.com.")
		}
		for j, r := range z.Records {
			at := fmt.Sprintf("%s.records[%d]", field, j)
			if set, err := domainname.Canonical(r.Name); err != nil || !domainname.Within(set, name) {
				c.complain(at+".name", r.Name, "is no name in the zone %s", z.Name)
			}
			if (r.Alias == "") == (len(r.Values) == 0) {
				c.complain(at+".values", strings.Join(r.Values, " "), "and alias: give one of the two")
			}
		}
	}
}
