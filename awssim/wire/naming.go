package wire

import (
	"reflect"
	"sync"
	"unicode"
	"unicode/utf8"
)

// naming says how the fields of the SDK's structs are called on the wire.
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
		members = append(members, member{index: i, name: name, item: n.items[t.Name()+"."+f.Name]})
	}
	n.known.Store(t, members)
	return members
}

func same(s string) string { return s }

func lowerFirst(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[size:]
}
