package naming

// ProtectionName is the name of the Shield Advanced protections that the controller makes; it is not unique.
const ProtectionName = "managed by aws-load-balancer-controller"

// legacyProtectionName is that of the controller's first generation.
const legacyProtectionName = "managed by aws-alb-ingress-controller"

// OurProtection tells the protections that a controller made from those that people made.
func OurProtection(name string) bool { return name == ProtectionName || name == legacyProtectionName }
