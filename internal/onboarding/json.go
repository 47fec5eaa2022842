package onboarding

import "faceproof"

// ApplicationJSON is how an application is written for a program.
type ApplicationJSON struct {
	ID          string                     `json:"id"`
	State       faceproof.ApplicationState `json:"state"`
	Source      string                     `json:"source"`
	Reason      string                     `json:"reason"`
	AppID       faceproof.AppID            `json:"app_id"`               // empty until approved
	AppSecret   string                     `json:"app_secret,omitempty"` // of the approval's answer, once
	Name        string                     `json:"name"`
	Notice      faceproof.Notice           `json:"notice"`
	Category    string                     `json:"category"`
	DailyVolume int                        `json:"daily_volume"`
	Peak        int                        `json:"peak"`
	Interfaces  []faceproof.Permission     `json:"interfaces"`
	ImageBasis  string                     `json:"image_basis"`
	Origins     []string                   `json:"origins"`
	Alive       string                     `json:"alive"` // flash, digits, auto
	Licences    []faceproof.Licence        `json:"licences"`
	CreatedAt   int64                      `json:"created_at"` // unix milliseconds
	UpdatedAt   int64                      `json:"updated_at"`
}

var aliveWords = map[faceproof.AliveType]string{faceproof.AliveFlash: "flash", faceproof.AliveDigits: "digits", faceproof.AliveAuto: "auto"}

// Answer gives an application in the form for programs.
func Answer(a faceproof.Application) ApplicationJSON {
	return ApplicationJSON{ID: a.ID, State: a.State, Source: a.Source, Reason: a.Reason, AppID: a.AppID, Name: a.Name, Notice: a.Notice, Category: a.Category,
		DailyVolume: a.DailyVolume, Peak: a.Peak, Interfaces: append([]faceproof.Permission{}, a.Interfaces...), ImageBasis: a.ImageBasis,
		Origins: append([]string{}, a.Origins...), Alive: aliveWords[a.Alive], Licences: append([]faceproof.Licence{}, a.Licences...),
		CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt}
}

// FormJSON is what an applicant sends.
type FormJSON struct {
	Name          string                 `json:"name"`
	Handler       string                 `json:"handler"`
	Contact       string                 `json:"contact"`
	Purpose       string                 `json:"purpose"`
	Necessity     string                 `json:"necessity"`
	RetentionDays int                    `json:"retention_days"`
	Alternative   string                 `json:"alternative"`
	AlternativeTo string                 `json:"alternative_to"`
	Place         string                 `json:"place"`      // empty: this server, which is the handler's
	Processors    string                 `json:"processors"` // empty: nobody
	Officer       string                 `json:"officer"`    // and how to reach them
	Category      string                 `json:"category"`
	DailyVolume   int                    `json:"daily_volume"`
	Peak          int                    `json:"peak"`
	Interfaces    []faceproof.Permission `json:"interfaces"`
	ImageBasis    string                 `json:"image_basis"`
	Origins       []string               `json:"origins"`
	Alive         string                 `json:"alive"` // empty: flash
}

// Application gives the form as an application. Errors: CodeInvalid.
func (f FormJSON) Application() (faceproof.Application, error) {
	a := faceproof.Application{Name: f.Name, Category: f.Category, DailyVolume: f.DailyVolume, Peak: f.Peak, Interfaces: f.Interfaces,
		ImageBasis: f.ImageBasis, Origins: f.Origins, Alive: faceproof.AliveFlash,
		Notice: faceproof.Notice{Handler: f.Handler, Contact: f.Contact, Purpose: f.Purpose, Necessity: f.Necessity,
			RetentionDays: f.RetentionDays, Alternative: f.Alternative, AlternativeTo: f.AlternativeTo, Place: f.Place, Processors: f.Processors, Officer: f.Officer}}
	if f.Alive == "" {
		return a, nil
	}
	for t, word := range aliveWords {
		if f.Alive == word {
			a.Alive = t
			return a, nil
		}
	}
	return a, faceproof.Errorf(faceproof.CodeInvalid, "alive", "must be flash, digits or auto")
}
