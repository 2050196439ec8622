"""The 18 kinds of 45 CFR 164.514(b)(2), in forms that people write, and what only looks like them.

By rule alone: the models that read beside the rules are not asked. Every form is invented.
"""

import pytest

from appliance.gate.knowledge import find_lift
from appliance.gate.recognizers.catalogue import finders
from appliance.gate.vocabulary import Terms

FINDERS = finders()

# (A) to (R), as the regulation letters them.
KINDS = {
    "A names": (
        {"PERSON"},
        [
            "Dr. Okonjo-Mensah will call",
            "his daughter Ngozi drives him",
            "pt initials J.T. in the log",
            "patient J.T. was seen",
            "initials j.t. of a pt",
            "case of R. P., a boy with a limp",
            "Patient S.C. has a headache",
            "patient P.O. was seen",
            "K.M.S. is a toddler",
            "l.v. has a fever",
            "NOK: Maribel Santos-Quiroga",
            "JohnSmith was admitted",
            "name: petrakis, eleni",
            "signed by K. Lindholm, RN",
            "nurse Agnieszka Wolska noted",
            "Mrs Featherstonehaugh",
        ],
    ),
    "B places": (
        {"LOCATION"},
        [
            "lives at 4417 Old Quarry Road, Apt 3B",
            "P.O. Box 2211",
            "zip code 94103",
            "Dayton, OH 45402-1234",
            "admitted to Willow Bend Hospital",
            "moved from Ward 7B to bed 12",
            "on the Nightingale Ward",
            "from Cuyahoga County",
            "postcode M5V 2T6",
            "37.77490, -122.41942",
        ],
    ),
    "C dates": (
        {"DATE"},
        [
            "seen 03/19/2023",
            "seen 3-19-23",
            "seen on 19.03.2023",
            "2023-03-19",
            "2023/03/19",
            "2023.03.19",
            "20230319",
            "2023-03-19T14:05:00Z",
            "March 19, 2023",
            "March 19th 2023",
            "Mar 19 '23",
            "19 March 2023",
            "19-Mar-2023",
            "19Mar2023",
            "19MAR23",
            "the 19th of March",
            "the nineteenth of March",
            "March nineteenth",
            "in March 2023",
            "Mar-23 visit, seen 03/2023",
            "2023 March 19",
            "Sunday, March 19",
            "on Sunday the 19th",
            "seen on 3/19",
            "3/19 - 3/24 admission",
            "DOB01/02/1950",
            "dob 1 2 1950",
            "born 1/2/50",
            "born in early March",
            "last Tuesday",
            "Christmas Eve 2022",
            "winter of 2019",
        ],
    ),
    "C ages over 89": (
        {"AGE_OVER_89"},
        [
            "a 93-year-old woman",
            "aged 101",
            "92 yo M",
            "95F with a cough",
            "age: 104",
            "a ninety-four-year-old",
            "she is ninety-five and well",
            "in her nineties",
            "a centenarian",
            "97 y/o gentleman",
        ],
    ),
    "D telephones": (
        {"PHONE_NUMBER"},
        [
            "(555) 123-4567",
            "555.123.4567 x12",
            "+44 20 7946 0958",
            "tel 5551234567",
            "call 555 123 4567",
            "1-800-555-0199",
            "cell: 555-0134",
        ],
    ),
    "E fax numbers": (
        {"PHONE_NUMBER"},
        [
            "fax 555-123-4567",
            "Fax: (555)123-4567",
            "fax no. 5551234567",
            "faxed to 555.123.4567",
            "f: +1 555 123 4567",
        ],
    ),
    "F e-mail": (
        {"EMAIL_ADDRESS"},
        [
            "jane.roe@example.org",
            "JANE_ROE@EXAMPLE.ORG",
            "jane.roe at example dot com",
            "jane.roe [at] example.com",
            "mailto:j+x@sub.example.co.uk",
        ],
    ),
    "G social security": (
        {"US_SSN"},
        [
            "123-45-6789",
            "ssn 078 05 1120",
            "social security number is 219099999",
            "SSN: xxx-xx-6789",
            "last four of his social are 6789",
            "SSN219-09-9999",
        ],
    ),
    "H medical records": (
        {"MEDICAL_RECORD_NUMBER"},
        [
            "MRN: 0049913",
            "MRN0049913",
            "med rec# 44-12-90",
            "chart no 8827163",
            "patient ID PX-4471",
            "hospital number: K 448812",
            "NHS number 943 476 5919",
            "943 476 5919",
            "CRN 118820",
        ],
    ),
    "I health plans": (
        {"HEALTH_PLAN_NUMBER"},
        [
            "insurance is QX-789012",
            "1EG4-TE5-MK73",
            "1EG4TE5MK73",
            "member ID W2231 88712",
            "Medicaid 88271630",
            "policy number AB/2231/77",
            "subscriber no. 0023-771-2",
        ],
    ),
    "J accounts": (
        {"ACCOUNT_NUMBER"},
        [
            "account no. 7741-220",
            "card 4111 1111 1111 1111",
            "DE89 3704 0044 0532 0130 00",
            "routing number 021000021",
            "accession S23-11874",
            "specimen ID: 22-SP-00412",
            "encounter # 55120937",
        ],
    ),
    "K licences": (
        {"LICENSE_NUMBER", "NPI", "DEA_NUMBER"},
        [
            "driver's license D4419032",
            "1234567893",
            "NPI 1234567893",
            "AB1234563",
            "passport no. X4471920",
            "medical license #A-99182",
            "national insurance QQ 12 34 56 C",
        ],
    ),
    "L vehicles": (
        {"VEHICLE_ID", "DEVICE_SERIAL"},
        [
            "1M8GDM9AXKP042788",
            "VIN 1M8GDM9AXKP042788",
            "license plate 7ABC123",
            "plate number KTR 4471",
            "drives a truck, plate: 8XYZ990",
            "scooter reg AB19 CDE",
        ],
    ),
    "M devices": (
        {"DEVICE_SERIAL"},
        [
            "pacemaker serial number PJN882716",
            "00:1B:44:11:3A:B7",
            "S/N 4471-AC-2210",
            "IMEI 490154203237518",
            "(01)00844588003288(17)141120(10)7654321D",
            "implant lot no. LK44721",
        ],
    ),
    "N web addresses": (
        {"URL"},
        [
            "www.jane-roe-records.com/mrn",
            "https://portal.example.org/p/8812",
            "janeroe.com",
            "ftp://files.example.net/a",
            "follow @janeroe_runs",
        ],
    ),
    "O network addresses": (
        {"IP_ADDRESS"},
        [
            "192.168.14.9",
            "from 10.0.0.255:8080",
            "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
            "fe80::1ff:fe23:4567:890a",
            "IP: 203.0.113.77",
        ],
    ),
    "P biometrics": (
        {"BIOMETRIC"},
        [
            "fingerprint template FP-88213",
            "retina scan ID 22910",
            "voiceprint no. VP44120",
            "iris code: 9F3A77",
            "biometric id is B-77120",
            "voice file vm_otieno_0412.wav",
        ],
    ),
    "Q photographs": (
        {"PHOTO"},
        [
            "IMG_2034.jpg",
            "see face_front.png",
            "scan001.dcm attached",
            "photo: wound-left.HEIC",
            "data:image/png;base64,iVBORw0KGgo",
        ],
    ),
    "R anything else unique": (
        {"UNIQUE_IDENTIFIER"},
        [
            "id: 99123",
            "PX_448812",
            "#A-44812",
            "case 0012-4471-2",
            "550e8400-e29b-41d4-a716-446655440000",
            "8827163001",
            "login ejvarga does not work",
            "username: dkhatri77",
        ],
    ),
}

NEAR_MISSES = [
    # Doses and regimens
    "Metformin 500 mg BID, lisinopril 10 mg daily, insulin 12 units at bedtime.",
    "Vancomycin 1,250 mg IV q12h, trough 15-20 mcg/mL.",
    "Heparin 5000 units SC every 8 hours.",
    "Penicillin 2,400,000 units IM once.",
    "Amoxicillin 875/125 mg, 1 tab twice a day for 7-10 days.",
    # Vital signs, laboratory values, scores
    "BP 120/80, HR 72, RR 16, SpO2 98% on RA, temp 98.6 F.",
    "WBC 7.2, Hgb 13.4, Plt 245, Na 139, K 4.1, glucose 104.",
    "Troponin 0.04, BNP 1250 pg/mL, eGFR 58 mL/min/1.73 m2.",
    "Platelets 150000 per microliter, CD4 350 cells/mm3, HIV RNA 1200000 copies.",
    "GCS 15, Apgar 8/9, NIHSS 4, CHA2DS2-VASc 3, MELD 17, Gleason 4+3.",
    "Strength 5/5 throughout, reflexes 2/4, vision 20/40 OS, pain 7/10.",
    "EF 55-60%, LVIDd 4.8 cm, valve area 1.2 cm2, gradient 12/6 mmHg.",
    # Genes, variants, codes
    "BRCA1 and TP53 variants; EGFR L858R, KRAS G12C, HLA-B27 positive.",
    "A c.1521_1523delCTT deletion in CFTR; JAK2 V617F negative.",
    "ICD-10 E11.9, CPT 99213, LOINC 4548-4, SNOMED 44054006.",
    "ICD-10-CM code J45.909, HCPCS J1885, rs6025 and NCT04280705.",
    # Pregnancy and childhood
    "G2P1 at 32+4 weeks, EDD by ultrasound, fundal height 33 cm.",
    "Born at 28 3/7 weeks, now 6 months old, 50th percentile.",
    "A 2-day-old infant, birth weight 3400 g.",
    # Years, spans, ages below 90
    "A 55-year-old man diagnosed in 2021.",
    "the 2023 update of the ACC/AHA guidelines",
    "Studies from 2015 to 2019 enrolled 12,500 patients.",
    "DSM-5 criteria, 4th edition; Rome IV; NYHA class III.",
    "an 89-year-old woman with 90% stenosis",
    "pulse 92, age 64, ejection fraction 95%",
    # Anatomy and devices without a serial number
    "L4-L5 disc, C5-C6 foramen, T12 fracture, V1-V3 leads, S1 root.",
    "A 7.5 French catheter and a 3.0 x 18 mm stent.",
    "Size 8.0 tube at 23 cm; FiO2 40%, PEEP 5.",
    "Parkinson's disease since 2015, Foley catheter, Babinski sign.",
    # Places and people that are nobody's
    "Seen at a community clinic, then in the emergency room.",
    "the patient's mother has diabetes",
    "Transferred to the intensive care unit, then to a surgical ward.",
    "His sister and her husband have asthma.",
    "Login failed again; the username field is empty.",
    "Intake p.o. is poor; p.r.n. only; i.v. has to stay.",
    "The U.S. has more cases; ninety percent of those turned ninety degrees.",
    "Hepatitis B. Vitamin D. Factor V. Type A.",
]


def _alarms(text):
    hits = [hit for find in FINDERS.values() for hit in find(text) if hit.score >= 0.4]
    return {hit.entity: hit.detector for hit in hits if not find_lift(text, hit, Terms([]))}


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, (_, texts) in KINDS.items() for text in texts]
)
def test_each_kind_is_found_in_each_form(kind, text):
    """Whatever the writer's way, the kind itself is reported, not some other."""
    assert KINDS[kind][0] & _alarms(text).keys()


def test_each_kind_has_five_forms():
    """18 letters, dates and ages apart; at least five forms each."""
    assert {kind[0] for kind in KINDS} == set("ABCDEFGHIJKLMNOPQR")
    assert min(len(texts) for _, texts in KINDS.values()) >= 5
    assert len(KINDS["C dates"][1]) >= 20


@pytest.mark.parametrize("text", NEAR_MISSES)
@pytest.mark.parametrize("case", [str, str.upper, str.lower], ids=["as-written", "upper", "lower"])
def test_medicine_that_looks_like_it_passes(text, case):
    """Doses, values, scores, genes, codes, gestational ages and guideline years are nobody's."""
    assert _alarms(case(text)) == {}
