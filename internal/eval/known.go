package eval

import "reflect"

func kinds() []string {
	return []string{"live", "print", "print_cut", "print_bent", "print_cutbent", "screen", "screen_plain", "static", "replay", "flat_face", "flat_frame", "relit3d", "splice", "still_other"}
}
func quantities() map[string]reflect.Kind {
	return map[string]reflect.Kind{"lux": reflect.Float64, "skin": reflect.Int, "quality": reflect.Int, "width": reflect.Int, "fps": reflect.Float64, "screen": reflect.String}
}
