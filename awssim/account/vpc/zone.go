package vpc

import (
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// AvailabilityZone is an availability, local or wavelength zone.
type AvailabilityZone struct {
	Name        string // us-west-2a
	ID          string // usw2-az1
	Type        string // availability-zone, local-zone, wavelength-zone
	State       string // available, impaired, unavailable
	OptInStatus string // opt-in-not-required, opted-in, not-opted-in
	Group       string // us-west-2, us-west-2-lax-1
	ParentName  string // of local and wavelength zones
	ParentID    string
}

// zoneLetters pairs zone names with zone ids. The two orders differ on purpose, as they do in most AWS accounts.
var zoneLetters = []struct{ letter, number string }{{"a", "2"}, {"b", "1"}, {"c", "3"}, {"d", "4"}}

// constrained are the ids of zones that are full: AWS puts new load balancers of most types nowhere there.
var constrained = map[string]bool{"use1-az3": true, "usw1-az2": true, "apne1-az3": true, "cac1-az3": true}

// Constrained reports whether the zone cannot host network and gateway load balancers.
func (z *AvailabilityZone) Constrained() bool { return constrained[z.ID] }

// StandardZones are the four availability zones that a region has here. None is constrained: AWS gives those to few
// accounts.
func StandardZones(region string) []*AvailabilityZone {
	var zones []*AvailabilityZone
	for _, z := range zoneLetters {
		id := ZonePrefix(region) + "-az" + z.number
		if constrained[id] {
			id = ZonePrefix(region) + "-az5"
		}
		zones = append(zones, &AvailabilityZone{
			Name: region + z.letter, ID: id, Type: "availability-zone", State: "available",
			OptInStatus: "opt-in-not-required", Group: region,
		})
	}
	return zones
}

var directions = map[string]string{
	"north": "n", "south": "s", "east": "e", "west": "w", "central": "c",
	"northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw",
}

// ZonePrefix is how zone ids of a region begin: usw2 for us-west-2, apse1 for ap-southeast-1, usgw1 for us-gov-west-1.
func ZonePrefix(region string) string {
	var b strings.Builder
	for i, part := range strings.Split(region, "-") {
		switch short, ok := directions[part]; {
		case ok:
			b.WriteString(short)
		case i > 0 && part != "" && (part[0] < '0' || part[0] > '9'):
			b.WriteString(part[:1])
		default:
			b.WriteString(part)
		}
	}
	return b.String()
}

// AddZone adds a zone under its name.
func (c *Network) AddZone(z *AvailabilityZone) { resource.Put(&c.Zones, z.Name, z) }
