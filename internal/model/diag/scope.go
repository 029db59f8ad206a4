package diag

// Scope is what a problem affects: what is not created or changed until it is corrected. The producer of a diagnostic
// sets it. The zero value stands for LoadBalancer, the widest.
type Scope string

// Scopes, from the narrowest to the widest.
const (
	// an optional feature that traffic does not depend on: web ACL, Shield, capacity, address pool
	AddOn        Scope = "add-on"
	Certificate  Scope = "certificate"   // certificates of listeners; those in use stay in use
	Login        Scope = "login"         // the routes that need a Secret for the login of users
	Frontend     Scope = "frontend"      // the network load balancer in front of an ALB
	Rule         Scope = "rule"          // one rule of a route; the last valid version of the rule serves, if there is one
	Route        Scope = "route"         // rules and target groups of one member
	Listener     Scope = "listener"      // a listener, which members may share
	LoadBalancer Scope = "load balancer" // the load balancer, which members share
)

// In returns the diagnostic with another scope.
func (d Diagnostic) In(s Scope) Diagnostic {
	d.Scope = s
	return d
}

// OwnOnly reports whether the problem affects nothing that members share.
func (s Scope) OwnOnly() bool { return s == Route || s == Rule || s == Login }

// Withheld reports whether the problem affects one feature of a member and not its routes.
func (s Scope) Withheld() bool {
	return s == AddOn || s == Certificate || s == Login || s == Frontend || s == Rule
}

// scopes are the scopes of codes. A producer sets another one with In.
var scopes = map[Code]Scope{
	InvalidRule:         Route,
	OverlappingRule:     Route,
	HiddenRule:          Route,
	NoTargets:           Route,
	HostnameTaken:       Route,
	ServiceNotFound:     Route,
	ServicePortNotFound: Route,
	WrongServiceType:    Route,
	TargetGroupNotFound: Route,
	TargetGroupTaken:    Route,
	RefNotPermitted:     Route,
	ServiceMissing:      Route,
	BackendUnresolved:   Route,
	RouteNotAttached:    Route,

	CertificateNotFound:    Certificate,
	CertificatePending:     Certificate,
	HostWithoutCertificate: Certificate,
	HostNotCovered:         Certificate,
	SeveralCertificates:    Certificate,
	CertificateFailed:      Certificate,
	ImportsHeld:            Certificate,
	ImportsNearQuota:       Certificate,
	HostedZoneNotFound:     Certificate,

	SecretNotFound: Login,
	SecretRefused:  Login,
	InvalidSecret:  Login,
	SecretUnread:   Login,

	WebACLNotFound: AddOn,
	NotSubscribed:  AddOn,

	TrustStoreNotFound: Listener,

	InvalidCACertificate: Certificate,
	CACertificateUnread:  Certificate,

	InvalidIngressClass:   LoadBalancer,
	InvalidGroup:          LoadBalancer,
	NoSubnets:             LoadBalancer,
	InvalidSubnets:        LoadBalancer,
	SecurityGroupNotFound: LoadBalancer,
	NameTooLong:           LoadBalancer,
}
