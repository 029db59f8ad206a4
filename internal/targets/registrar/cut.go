package registrar

// cut chooses which endpoints to register if there is room for some only. It spreads them evenly over zones, counting
// the registered ones; within a zone over nodes; and then in the given order. chosen and omitted keep that order.
func cut(registered, register []Endpoint, room int, zone func(Endpoint) string) (chosen, omitted []Endpoint) {
	zones := map[string]string{} // of nodes
	zoneOf := func(e Endpoint) string {
		if zone == nil {
			return ""
		}
		z, asked := zones[e.Node]
		if !asked {
			z = zone(e)
			zones[e.Node] = z
		}
		return z
	}
	inZone, onNode := map[string]int{}, map[string]int{}
	count := func(e Endpoint) {
		inZone[zoneOf(e)]++
		onNode[e.Node]++
	}
	for _, e := range registered {
		count(e)
	}
	taken := make([]bool, len(register))
	for range min(max(room, 0), len(register)) {
		best := -1
		for i, e := range register {
			if taken[i] {
				continue
			}
			if best < 0 || inZone[zoneOf(e)] < inZone[zoneOf(register[best])] ||
				inZone[zoneOf(e)] == inZone[zoneOf(register[best])] && onNode[e.Node] < onNode[register[best].Node] {
				best = i
			}
		}
		taken[best] = true
		count(register[best])
	}
	for i, e := range register {
		if taken[i] {
			chosen = append(chosen, e)
		} else {
			omitted = append(omitted, e)
		}
	}
	return chosen, omitted
}
