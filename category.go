package faceproof

// LicenceKind names a paper that a business shows when it applies.
type LicenceKind string

// The papers. Each is one file; the words in Category say what it is called.
const (
	LicenceExpress    LicenceKind = "express-delivery"    // 快递业务经营许可证
	LicenceRoad       LicenceKind = "road-transport"      // 道路运输经营许可证
	LicenceSchool     LicenceKind = "school"              // 办学许可证
	LicenceMedical    LicenceKind = "medical-institution" // 医疗机构执业许可证
	LicencePublicBody LicenceKind = "public-body"         // 统一社会信用代码证书（机关、事业单位）
	LicenceFinance    LicenceKind = "financial"           // 金融许可证
	LicenceSecurities LicenceKind = "securities"          // 经营证券期货业务许可证
	LicenceInsurance  LicenceKind = "insurance"           // 保险许可证
	LicenceMicroLoan  LicenceKind = "micro-loan-approval" // 省级金融监管部门批准文件
	LicenceTelecom    LicenceKind = "telecom"             // 电信业务经营许可证
	LicenceAviation   LicenceKind = "aviation"            // 公共航空运输企业经营许可证
	LicenceRideHail   LicenceKind = "ride-hailing"        // 网络预约出租汽车经营许可证
	LicenceHotel      LicenceKind = "hotel"               // 特种行业许可证（旅馆业）
	LicenceOther      LicenceKind = "other"               // anything else that helps the reviewer; never required
)

// Category is one row of the closed list of trades that may apply.
type Category struct {
	ID       string        `json:"id"`
	Zh       string        `json:"zh"`
	En       string        `json:"en"`
	Requires []LicenceKind `json:"requires"` // every one of them
	// Documented says that the public documentation names these papers; for the
	// others the list is ours.
	Documented bool `json:"documented"`
}

// CategoryOther is a trade that is not listed: the reviewer decides by the
// stated necessity alone.
const CategoryOther = "other"

// Categories gives the list, in the order of the documentation.
func Categories() []Category {
	row := func(id, zh, en string, documented bool, requires ...LicenceKind) Category {
		return Category{id, zh, en, append([]LicenceKind{}, requires...), documented}
	}
	return []Category{
		row("express-delivery", "物流-收件/派件", "parcel collection and delivery", true, LicenceExpress),
		row("freight", "货物运输", "road freight, online freight platforms too", true, LicenceRoad),
		row("academic-education", "教育-学历教育", "education that ends in a degree", false, LicenceSchool),
		row("public-hospital", "医疗-公立医疗机构", "public medical institution", false, LicenceMedical),
		row("internet-hospital", "医疗-互联网医院（公立）", "internet hospital of a public institution", false, LicenceMedical),
		row("private-tertiary-hospital", "医疗-三级私立医疗机构", "private hospital of the third grade", false, LicenceMedical),
		row("government", "政务民生", "government and public institutions only", false, LicencePublicBody),
		row("bank", "金融-银行", "bank", false, LicenceFinance),
		row("trust", "金融-信托", "trust company", false, LicenceFinance),
		row("public-fund", "金融-公募基金", "public fund", false, LicenceSecurities),
		row("securities", "金融-证券/期货", "securities or futures", false, LicenceSecurities),
		row("insurance", "金融-保险", "insurance", false, LicenceInsurance),
		row("consumer-finance", "金融-消费金融", "consumer finance", false, LicenceFinance),
		row("online-micro-loan", "金融-网络小贷", "online micro-loans under a provincial regulator", false, LicenceMicroLoan),
		row("auto-finance", "金融-汽车金融/金融租赁", "car finance or financial leasing", false, LicenceFinance),
		row("telecom", "运营商", "telecommunications carrier", false, LicenceTelecom),
		row("airline", "交通-航空", "airline", false, LicenceAviation),
		row("passenger-transport", "交通-客运", "road passenger transport", false, LicenceRoad),
		row("ride-hailing", "交通-网约车", "ride hailing", false, LicenceRideHail),
		row("vehicle-rental", "交通-共享交通/租车", "shared vehicles and car rental", false),
		row("hotel", "旅游-酒店", "hotel", false, LicenceHotel),
		row(CategoryOther, "其他", "not listed: the reviewer decides", false),
	}
}

// CategoryByID finds a row of the list.
func CategoryByID(id string) (Category, bool) {
	for _, c := range Categories() {
		if c.ID == id {
			return c, true
		}
	}
	return Category{}, false
}

// LicenceKinds lists every kind of paper.
func LicenceKinds() []LicenceKind {
	return []LicenceKind{LicenceExpress, LicenceRoad, LicenceSchool, LicenceMedical, LicencePublicBody, LicenceFinance, LicenceSecurities,
		LicenceInsurance, LicenceMicroLoan, LicenceTelecom, LicenceAviation, LicenceRideHail, LicenceHotel, LicenceOther}
}
