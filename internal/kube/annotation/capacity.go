package annotation

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// CapacityUnits is the one key of Capacity and ServiceCapacity.
const CapacityUnits = "CapacityUnits"

// Capacity reads a reservation of capacity, a map with one key: how many units; 0 = none. It is not set if the map
// is empty. If the feature gate LBCapacityReservation is off, Capacity adds a note and does not read the value, so
// an invalid value is not an error.
func (r Reader) Capacity(k Key, gate bool) intent.Field[int32] {
	if !gate {
		r.Ignored(k, "the setting has no effect, because the feature gate LBCapacityReservation is off",
			"nothing to do: the configuration in AWS does not change")
		return intent.Field[int32]{}
	}
	m := r.Map(k)
	var out intent.Field[int32]
	for _, name := range slices.Sorted(maps.Keys(m.Value)) {
		if name != CapacityUnits {
			r.Invalid(k, fmt.Sprintf("invalid key to set the capacity: %s, Expected key: %s", name, CapacityUnits), "write "+
				CapacityUnits+"=<number>")
			return intent.Field[int32]{}
		}
		n, err := strconv.ParseInt(m.Value[name], 10, 32)
		if err != nil || n < 0 {
			r.Invalid(k, fmt.Sprintf("invalid value to set the capacity: %q is not a number of units", m.Value[name]), "write "+
				CapacityUnits+"=<number>; 0 resets")
			return intent.Field[int32]{}
		}
		out = intent.Of(int32(n), m.Source)
	}
	return out
}
