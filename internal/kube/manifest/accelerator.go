package manifest

import (
	"cmp"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
)

// Defaults of numbers in the definition of GlobalAccelerators.
const (
	defaultWeight      int32 = 128
	defaultTrafficDial int32 = 100
)

// fillInAccelerator sets the defaults of the definition.
func fillInAccelerator(ga *agav1beta1.GlobalAccelerator) {
	ga.Spec.IPAddressType = cmp.Or(ga.Spec.IPAddressType, agav1beta1.IPV4)
	for i := range ga.Spec.Listeners {
		l := &ga.Spec.Listeners[i]
		l.ClientAffinity = cmp.Or(l.ClientAffinity, agav1beta1.NoAffinity)
		for j := range l.EndpointGroups {
			g := &l.EndpointGroups[j]
			setDefault(&g.TrafficDialPercentage, defaultTrafficDial)
			for k := range g.Endpoints {
				setDefault(&g.Endpoints[k].Weight, defaultWeight)
				setDefault(&g.Endpoints[k].ClientIPPreservationEnabled, true)
			}
		}
	}
}

func setDefault[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}
