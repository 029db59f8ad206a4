package intent

// Frontend is the wish for a network load balancer in front of an ALB. Members that share a load balancer share its frontend.
type Frontend struct {
	Enabled        Field[bool]
	Scheme         Field[string]
	Subnets        Field[[]string] // ids or Name tag values; an empty list is not set
	SecurityGroups Field[[]string] // ids or Name tag values; an empty list is not set
	Allocations    Field[[]string] // of Elastic IP addresses; the i-th belongs to the i-th subnet
	Attributes     Field[map[string]string]
	Tags           Field[map[string]string]
	// Ports lead from ports of the frontend to ports of the ALB. Not set: each port of the member's listeners leads to itself.
	Ports       Field[map[int32]int32]
	HealthCheck FrontendHealthCheck
	// Broken tells that a setting could not be understood: a frontend that exists stays as it is, none is made.
	Broken bool
}

// FrontendHealthCheck is how the frontend checks the ALB.
type FrontendHealthCheck struct {
	Protocol           Field[string] // HTTP or HTTPS
	Port               Field[string] // "traffic-port" or decimal
	Path               Field[string]
	Matcher            Field[string]
	IntervalSeconds    Field[int32]
	TimeoutSeconds     Field[int32]
	HealthyThreshold   Field[int32]
	UnhealthyThreshold Field[int32]
}
