package lab

// Privileged marks a context whose calls to AWS are not the controller's.
type Privileged struct{}
