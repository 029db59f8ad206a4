package wire

import (
	"reflect"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// naming is how the fields of the SDK's structs are called on the wire.
type naming struct {
	special map[string]string   // by "Type.Field"
	derive  func(string) string // for the others
	items   map[string]string   // what an item of a list is called, by "Type.Field", where it has a name of its own
	known   sync.Map            // reflect.Type → []member
}

// member is a field that goes over the wire.
type member struct {
	index int
	name  string
	item  string // of a list; "" for the protocol's own
	// always: the list is sent although it is empty.
	always bool
}

// alwaysSent are the lists inside results that AWS sends when they are empty, by "Type.Field". (Clients other than Go's
// see the difference: boto3 has no key for a list that is left out.)
var alwaysSent = map[string]bool{
	"SecurityGroup.IpPermissions": true, "SecurityGroup.IpPermissionsEgress": true,
	"IpPermission.IpRanges": true, "IpPermission.Ipv6Ranges": true, "IpPermission.PrefixListIds": true,
	"IpPermission.UserIdGroupPairs":      true,
	"Subnet.Ipv6CidrBlockAssociationSet": true,
	"NetworkInterface.Groups":            true, "NetworkInterface.Ipv6Addresses": true, "NetworkInterface.TagSet": true,
	"RouteTable.Associations": true, "RouteTable.PropagatingVgws": true, "RouteTable.Tags": true,
	"InternetGateway.Attachments": true, "InternetGateway.Tags": true,
}

// sentEmpty reports whether a field of an answer is a list that AWS sends also when it is empty: what an action that
// describes or lists was asked for, and the lists of alwaysSent.
func sentEmpty(t reflect.Type, f reflect.StructField) bool {
	if f.Type.Kind() != reflect.Slice || f.Type.Elem().Kind() == reflect.Uint8 {
		return false
	}
	if alwaysSent[t.Name()+"."+f.Name] {
		return true
	}
	lists := strings.HasPrefix(t.Name(), "Describe") || strings.HasPrefix(t.Name(), "List") ||
		strings.HasPrefix(t.Name(), "Get")
	return lists && strings.HasSuffix(t.Name(), "Output")
}

func newNaming(special map[string]string, derive func(string) string) *naming {
	return &naming{special: special, derive: derive}
}

// members are the fields of t, a struct, in their order.
func (n *naming) members(t reflect.Type) []member {
	if found, ok := n.known.Load(t); ok {
		return found.([]member)
	}
	var members []member
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || f.Name == "ResultMetadata" {
			continue
		}
		name, ok := n.special[t.Name()+"."+f.Name]
		if !ok {
			name = n.derive(f.Name)
		}
		members = append(members, member{index: i, name: name, item: n.items[t.Name()+"."+f.Name], always: sentEmpty(t, f)})
	}
	n.known.Store(t, members)
	return members
}

func same(s string) string { return s }

func lowerFirst(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[size:]
}
