package account

// UserPool is what authenticate-cognito actions need of a Cognito user pool.
type UserPool struct {
	ARN     string
	Domain  string            // prefix of amazoncognito.com's, or a name of the user's own
	Clients map[string]string // secret by client id; "" is a client without a secret, which load balancers refuse
}

// AddUserPool files a user pool.
func (a *Account) AddUserPool(p *UserPool) {
	if a.UserPools == nil {
		a.UserPools = map[string]*UserPool{}
	}
	a.UserPools[p.ARN] = p
}
